// The live view's words, in the languages that the pack has.

const WORDS = {
  en: {
    loss: "total", foreground: "subject", background: "background", semantic: "class word", misfit: "words against picture",
    distance: "distance from the picture",
    stage1: "Stage I", stage2: "Stage II", text: "Text optimisation", inversion: "Inversion",
    learning: "Step {step} of {steps}", inverting: "Inverting, {step} of {steps}", optimising: "Optimising, {step} of {steps}",
    measuring: "Measuring, {step} of {steps}", reconstructing: "Reconstructing, {step} of {steps}", picture: "picture {picture} of {pictures}",
    idle: "Curves appear here while it runs.", preparing: "Preparing …", done: "Done", cancelled: "Cancelled", failed: "Stopped by an error",
    lost: "Ended without a word", left: "~{time} left", took: "{time}", chart: "{title}: curves, lower is closer to the picture", none: "no numbers yet", noCurve: "This method has no curve.",
    at: "step {step}", preview: "Preview at step {step}", previews: "Newest previews", subject: "The picture and mask that it learns from",
  },
  zh: {
    loss: "总计", foreground: "主体", background: "背景", semantic: "类别词", misfit: "文字与图片的差距", distance: "与原图的距离",
    stage1: "阶段 I", stage2: "阶段 II", text: "文本优化", inversion: "反演",
    learning: "第 {step} / {steps} 步", inverting: "反演中，{step} / {steps}", optimising: "优化中，{step} / {steps}", measuring: "测量中，{step} / {steps}",
    reconstructing: "重建中，{step} / {steps}", picture: "第 {picture} / {pictures} 张", idle: "运行时曲线会显示在这里。", preparing: "准备中……", done: "完成",
    cancelled: "已取消", failed: "因错误停止", lost: "意外中断", left: "大约还需 {time}", took: "{time}", chart: "{title}：曲线，越低越接近图片", none: "暂无数值", noCurve: "此方法没有曲线。",
    at: "第 {step} 步", preview: "第 {step} 步的预览", previews: "最新预览", subject: "学习所用的图片与遮罩",
  },
  ja: {
    loss: "合計", foreground: "被写体", background: "背景", semantic: "クラス語", misfit: "言葉と画像のずれ", distance: "元画像との距離",
    stage1: "ステージ I", stage2: "ステージ II", text: "テキスト最適化", inversion: "インバージョン",
    learning: "ステップ {step} / {steps}", inverting: "インバージョン中 {step} / {steps}", optimising: "最適化中 {step} / {steps}", measuring: "測定中 {step} / {steps}",
    reconstructing: "再構成中 {step} / {steps}", picture: "画像 {picture} / {pictures}", idle: "実行中の曲線がここに表示されます。", preparing: "準備中…",
    done: "完了", cancelled: "キャンセルしました", failed: "エラーで停止", lost: "途中で終わりました", left: "残り約 {time}", took: "{time}",
    chart: "{title}：曲線（低いほど画像に近い）", none: "数値はまだありません", noCurve: "この方式に曲線はありません。", at: "ステップ {step}", preview: "ステップ {step} のプレビュー", previews: "最新のプレビュー", subject: "学習に使う画像とマスク",
  },
};

/** `say(key, values)` in a language such as "en", "zh-TW", "ja"; English where we have none. */
export function speaker(locale) {
  const words = WORDS[String(locale ?? "en").split("-")[0]] ?? WORDS.en;
  return (key, values = {}) => (words[key] ?? WORDS.en[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** 75 as 1:15, 3700 as 1:01:40. */
export function clock(seconds) {
  const whole = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Short enough for a narrow node: 0.123, 0.012, 1.2e-5. */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4)) return value.toExponential(1);
  return String(Number(value.toPrecision(Math.abs(value) < 0.1 ? 2 : 3)));
}

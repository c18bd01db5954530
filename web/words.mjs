// The words of the concept picker and of Edit Grid's view, in the languages that the pack has.
import { app } from "../../scripts/app.js";

const WORDS = {
  en: {
    stage1: "Stage I", stage2: "Stage II", choose: "Choose a concept", chooseShort: "Choose…", chooseNow: "Choose a concept: now {first}, {second}",
    fromWire: "from the wire", fromWireMore: "the name comes with concept_name", notListed: "not in the list of concepts", noneYet: "no concept yet",
    noneYetMore: "train one and save it with Save Concept", concepts: "Concepts", search: "Search name or class word",
    searchLabel: "Search concepts by name or class word", cancel: "Cancel", noConcepts: "No concepts yet. Train one, and save it with Save Concept.",
    notFound: "No concept is called {name}.", all: "{count} concepts", one: "1 concept", some: "{shown} of {count} concepts", unreadable: "cannot be read",
    listFailed: "The list of concepts could not be read ({message}).",
    empty: "Run to see the edits here.", hint: "Point at a picture for its values; click it to use them.", cell: "alpha {alpha}, source ratio {ratio}",
    table: "Edits: alpha across, source ratio down", ratio: "ratio", ratioLabel: "source ratio", batch: "Picture of the batch", batchOne: "Picture {number} of {count}",
    target: "Node that a click sends the values to", sendTo: "Send to {node}", sendToAlike: "Send to the {count} nodes with the same wires",
    chooseTarget: "Choose where to send to", sent: "Sent {values} to {nodes}.", and: " and ", wired: "Not changed, as a wire sets it: {inputs}.",
    inputOf: "{input} of {node}", several: "Several nodes could take the values: choose one below.",
    noReceiver: "Add a Timestep-Aware KSampler with the same inversion, and click again.", gone: "The host no longer has these pictures: run the grid again.",
  },
  zh: {
    stage1: "阶段 I", stage2: "阶段 II", choose: "选择概念", chooseShort: "选择…", chooseNow: "选择概念：当前为 {first}，{second}",
    fromWire: "来自连线", fromWireMore: "名称由 concept_name 的连线给出", notListed: "不在概念列表中", noneYet: "还没有概念", noneYetMore: "先训练，再用“Save Concept”保存",
    concepts: "概念", search: "搜索名称或类别词", searchLabel: "按名称或类别词搜索概念", cancel: "取消", noConcepts: "还没有概念。请先训练一个，并用“Save Concept”保存。",
    notFound: "没有名为 {name} 的概念。", all: "共 {count} 个概念", one: "共 1 个概念", some: "{count} 个概念中的 {shown} 个", unreadable: "无法读取",
    listFailed: "无法读取概念列表（{message}）。",
    empty: "运行后在此显示编辑结果。", hint: "指向图片可查看其数值，点击即可采用。", cell: "alpha {alpha}，source ratio {ratio}", table: "编辑结果：横向为 alpha，纵向为 source ratio",
    ratio: "ratio", ratioLabel: "source ratio", batch: "批次中的图片", batchOne: "第 {number} / {count} 张", target: "点击后接收数值的节点", sendTo: "发送到 {node}",
    sendToAlike: "发送到连线相同的 {count} 个节点", chooseTarget: "选择接收的节点", sent: "已将 {values} 发送到 {nodes}。", and: "、", wired: "以下由连线决定，未更改：{inputs}。",
    inputOf: "{node} 的 {input}", several: "有多个节点可以接收数值：请在下方选择。", noReceiver: "请添加一个使用同一反演的 Timestep-Aware KSampler，然后再次点击。",
    gone: "服务器上已没有这些图片：请重新运行网格。",
  },
  ja: {
    stage1: "ステージ I", stage2: "ステージ II", choose: "コンセプトを選ぶ", chooseShort: "選ぶ…", chooseNow: "コンセプトを選ぶ：現在は {first}、{second}",
    fromWire: "接続から", fromWireMore: "名前は concept_name の接続で決まります", notListed: "コンセプトの一覧にありません", noneYet: "コンセプトはまだありません",
    noneYetMore: "学習して Save Concept で保存してください", concepts: "コンセプト", search: "名前またはクラス語で検索", searchLabel: "コンセプトを名前またはクラス語で検索", cancel: "キャンセル",
    noConcepts: "コンセプトはまだありません。学習して Save Concept で保存してください。", notFound: "{name} という名前のコンセプトはありません。", all: "コンセプト {count} 個", one: "コンセプト 1 個",
    some: "{count} 個中 {shown} 個", unreadable: "読み込めません", listFailed: "コンセプトの一覧を読み込めませんでした（{message}）。",
    empty: "実行すると編集結果がここに表示されます。", hint: "画像に重ねると値が表示され、クリックするとその値を使います。", cell: "alpha {alpha}、source ratio {ratio}",
    table: "編集結果：横が alpha、縦が source ratio", ratio: "ratio", ratioLabel: "source ratio", batch: "バッチの画像", batchOne: "画像 {number} / {count}",
    target: "クリックで値を受け取るノード", sendTo: "{node} に送る", sendToAlike: "同じ接続の {count} 個のノードに送る", chooseTarget: "送り先を選んでください",
    sent: "{values} を {nodes} に送りました。", and: " と ", wired: "接続で決まるため変更していません：{inputs}。", inputOf: "{node} の {input}",
    several: "値を受け取れるノードが複数あります。下で選んでください。", noReceiver: "同じ反転を使う Timestep-Aware KSampler を追加して、もう一度クリックしてください。",
    gone: "画像はもうサーバーにありません。グリッドを再実行してください。",
  },
};

/** Our words for `key` in the page's language, else in English. */
export function say(key, values = {}) {
  const locale = String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en").split("-")[0];
  return (WORDS[locale]?.[key] ?? WORDS.en[key]).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

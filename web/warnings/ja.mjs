// Warnings in Japanese, by their ids in support/warnings.py. {names} stand for values.

/** @type {Record<string, string>} */
export const ja = {
  // Pictures to learn from
  mask_resized: "マスクは {mask}、画像は {picture} です。マスクの大きさを変えました。",
  picture_resized: "画像を {before} から {after} ピクセルに縮小しました。",
  picture_cropped: "画像は {size} です。被写体を含む正方形に切り抜きました。",
  edge_repeated: "画像は {size} で、被写体が短辺より長いため、端を繰り返して正方形にしました。",
  mask_covers_all: "マスクが画像全体を覆っています。背景の損失に使う部分がなく、コンセプトに背景が残ります。",
  mask_too_large:
    "マスクが画像の {percent} % を占めています。残りが少なく、背景の損失の手がかりになりません。被写体からはみ出していないか確かめてください。",
  mask_touches_edges:
    "マスクが画像の {sides} 辺に触れています。学習の前に、被写体からはみ出していないか確かめてください。",
  mask_too_small: "マスクは画像の {percent} % だけです。被写体のまわりで画像を切り取るか、マスクを確かめてください。",
  mask_in_parts: "マスクが {parts} 個に分かれています。すべて被写体のものか、ごみがないか確かめてください。",
  // Training
  micro_batches: "メモリ不足：{size} 個ずつのマイクロバッチで続けます（遅くなりますが、結果は丸め誤差を除き同じです）。",
  moments_in_ram: "メモリ不足：オプティマイザーの記憶をコンピューターのメモリに置いて続けます（遅くなりますが、結果は同じです）。",
  checkpointing: "メモリ不足：勾配チェックポイントで続けます（遅くなりますが、結果は丸め誤差を除き同じです）。",
  optimiser_memory: "メモリ不足：ステップ {step} の更新を重みごとに行いました（移動平均がわずかにずれます）。",
  vae_in_tiles:
    "VAE のメモリ不足：画像をタイルに分けてエンコードしました。そのため、VAE の分布からの抽出ではなく、毎ステップ同じ潜在表現を学習します。",
  not_learned:
    "ステージ I は学習できていません：最後の被写体の損失がクラス名だけの場合の {percent} % です。`learning_rate` を 2 倍か半分に、`steps` を多く、`seed` を別の値に。",
  // Going on with a training
  went_on: "残っていたステップ {done}（全 {steps}）から続けました。",
  pictures_kept: "{pictures} 枚のうち {found} 枚は以前の実行で終わっていたため、作り直していません。",
  state_damaged: "この学習の残っていた状態が壊れているため、最初から始めました。",
  state_of_another_version:
    "この学習の残っていた状態は、別のバージョンのこのパック・ComfyUI・torch か、別のデバイスのものです。最初から始めました。",
  state_beyond_steps: "この学習の残っていた状態はステップ {done} で、`steps` は {steps} です。最初から始めました。",
  state_not_kept: "この学習の状態を残せませんでした（{reason}）。キャンセルすると、次は最初から始まります。",
  // MODEL and what was made with another one
  concept_of_another_checkpoint:
    "コンセプト {name} は `model` とは別のチェックポイントで作られました。あまり似ないことがあります。",
  stage1_of_another_checkpoint:
    "`concept` は `model` とは別のチェックポイントで作られました。あまり似ないことがあります。",
  inversion_of_another_checkpoint:
    "`inversion` は `model` とは別のチェックポイントで作られました。画像は正しく再構成されません。このモデルでインバージョンし直してください。",
  inversion_of_another_picture:
    "`inversion` と `latent` は別の画像です。保存されたプロンプトは使いません。同じ画像からつないでください。",
  wrapper_left_out:
    "`model` に {wrappers} が付いています。サンプラーのように減るノイズを前提とするため、インバージョン・最適化・学習と タイムステップ対応Kサンプラー では使いません。",
  guidance_patch:
    "`model` にガイダンスのパッチ（RescaleCFG など）が付いていますが、インバージョンとそのサンプラーは使いません。標準の KSampler では有効です。",
  // Prompts
  unknown_concept: "プロンプトに <{written}> とありますが、そのコンセプトは読み込まれていません。あるのは {known} です。",
  name_without_brackets:
    "プロンプトの {name} に山括弧がないため、そのコンセプトは使われません。{phrase} と書いてください。",
  two_concepts: "<{name}> という名前のコンセプトが二つあり、後に読み込んだ方を使います。どちらかの名前を変えてください。",
  wrong_class_word:
    "プロンプトの <{name}> にクラス語がありません。「{phrase}」として学習したので、そのように書いてください。",
  not_kept_apart:
    "ほかの拡張が `clip` のエンコードを変えていて、トークンと結果の位置が一対一になりません。このプロンプトでは、`keep_apart` がオンのコンセプトもすべての単語に効きます。",
  // Concepts kept apart
  apart_without_phrase:
    "どのプロンプトにも <{name}> がないため、コンセプトは画像に現れません。CLIPテキストエンコードに <{name}> とクラス語を書くか、`keep_apart` をオフにしてください。",
  apart_without_region:
    "インバージョンと編集では画像の中の {names} の場所を探しません。フレーズの言葉を通してだけ働きます。場所を与えるには `region` にマスクをつないでください。",
  apart_unknown_phrases:
    "CLIPテキストエンコード以外でエンコードされたプロンプトなので、`keep_apart` は {names} に効かず、画像全体に働きます。CLIPテキストエンコードでエンコードしてください。",
  apart_unknown_rows:
    "別のパックが `model` をバッチの一部ずつに使っていて、どの部分かわかりません。{names} はそのどれにも働きません。",
  apart_unknown_tiles:
    "別のパックが `model` を画像のタイルごとに使っていて、その場所がわかりません。{names} は自分のフレーズの言葉だけに働きます。",
  apart_unseen:
    "ここでは {names} の場所がわかりません。場所を示す層がすべて他のパックに変えられているか、画像が大きすぎます。自分のフレーズの言葉だけに働きます。場所を与えるには `region` にマスクをつないでください。",
  lora_not_apart: "{name} の LoRA には分けておけない部分があり、それは画像全体に働きます。",
  region_resized: "{name} の領域は {mask}、画像は {picture} です。領域のサイズを変えました。",
  region_repeated: "{name} の領域にはマスクが {masks} 枚、バッチには画像が {pictures} 枚あります。マスクを順に繰り返しました。",
  region_empty: "{name} の領域は空です。コンセプトは画像のどこにも現れません。",
  regions_overlap: "{names} の領域が重なっています。そこではコンセプトがそれぞれの割合で働きます。",
  // Inversions
  nothing_to_optimise:
    "`cfg` が 1 のときは無条件プロンプトが効かないため、最適化するものがありません。通常の DDIM インバージョンと同じです。",
  uncond_not_kept: "ファイルに残るのは無条件の埋め込みだけで、`uncond` のほかの内容（{extras}）は残りません。",
  // Masks
  phrase_not_found:
    "画像 {number} に、しきい値を超える「{phrase}」がありません。マスクはプロンプトの残りの部分だけです。",
  negative_not_found:
    "画像 {number} に、しきい値を超える「{phrase}」（`negative`）がありません。マスクからその分は取り除かれません。",
  only_hints:
    "画像 {number} にプロンプトのものが見つかりません。最高スコアは {score}、`box_threshold` は {threshold} です。マスクはヒントの分だけです。",
  nothing_shown:
    "画像 {number} には、枠・点・おおよそのマスクのどれも何も示していません。マスクは `on_missing` で決まります。",
  boxes_resized:
    "`boxes` の枠は {boxes} の画像で見つかったもので、この画像は {picture} です。枠の大きさもそれに合わせて変えました。",
  mask_hint_resized: "`mask_hint` のマスクは {mask}、画像は {picture} です。マスクの大きさを変えました。",
  nothing_found_empty:
    "画像 {number} にプロンプトのものが見つかりません。最高スコアは {score}、`box_threshold` は {threshold} です。マスクは空です。",
  nothing_found_full:
    "画像 {number} にプロンプトのものが見つかりません。最高スコアは {score}、`box_threshold` は {threshold} です。マスクは画像全体です。",
};

// Errors in Japanese, by their keys in en.mjs. {names} stand for values.

/** @type {Record<string, string>} */
export const ja = {
  // Learning
  mask_empty: "`mask` に何も塗られていません。被写体を塗るか検出して、マスクで白くしてください。",
  class_word_empty: "`class_word` が空です。被写体の種類を face や dog のように一、二語で書いてください。",
  class_word: "`class_word` が {value} です。被写体の種類を face や dog のように一、二語で書いてください。",
  image_kind: "`image` は RGB 画像一枚ではありません。Load Image など IMAGE を出すノードをつないでください。",
  image_batch: "`image` は {count} 枚ですが、コンセプトは一枚の画像から学びます。ImageFromBatch で一枚を選んでください。",
  image_small: "`image` は {size} ピクセルです。一辺が {least} 以上、できれば 512 ピクセルの画像を使ってください。",
  mask_batch: "`mask` は {count} 枚ですが画像は一枚です。マスクを一枚つないでください。",
  resolution: "`resolution` は {value} ですが、{step} の倍数でなければなりません。`resolution` を変えてください。",
  out_of_memory:
    "一枚ずつでもメモリが足りません。ステージ I の `encoder` を cnn か none にするか、`resolution` を下げるか、" +
    "`gradient_checkpointing` を auto にするか、他のプログラムを閉じてください。",
  diverged_precision: "ステップ {step} で {name} が {value} になりました。`learning_rate` を下げるか、`precision` を fp32 にしてください。",
  diverged: "ステップ {step} で {name} が {value} になりました。`learning_rate` を下げてください。",
  picture_left_out:
    "`concept` は画像なしで保存されています（`include_picture` がオフ）。ステージ II はその画像から学びます。ステージ I をやり直すか、画像付きのコンセプトを読み込んでください。",
  lora_rank: "`concept` の LoRA はランク {found} ですが、`rank` は {rank} です。続きから学ぶには `rank` を {found} にしてください。",
  // What is connected
  model_kind: "`model` は {kind} ですが、これは Stable Diffusion 1.x 用です。SD 1.4、1.5 かその派生のチェックポイントを読み込んでください。",
  clip_missing: "`clip` が空です。読み込んだファイルにテキストエンコーダーがありません。完全な SD 1.5 チェックポイントを読み込むか、Load CLIP を足してください。",
  clip_kind: "`clip` は {kind} のテキストエンコーダーですが、これは Stable Diffusion 1.x 用です。チェックポイント自身の CLIP をつないでください。",
  clip_width: "`clip` は {kind} 用のようで、`model` では読めません。両方を同じチェックポイントにつないでください。",
  vae_missing: "`vae` が空です。読み込んだファイルに VAE がありません。完全な SD 1.5 チェックポイントを読み込むか、Load VAE を足してください。",
  vae_kind: "`vae` は {kind} 用のようですが、これは Stable Diffusion 1.x 用です。チェックポイント自身の VAE をつないでください。",
  prompt_missing: "`{name}` が空です。CLIP Text Encode をつないでください。文なしにするには、そのテキストを空にします。",
  prompt_kind: "`{name}` にテキストの埋め込みがありません。CLIP Text Encode をつないでください。",
  prompt_parts: "`{name}` は {count} 個の部分（領域や結合したプロンプト）、`target` は {parts} 個です。数を揃えるか、`{name}` を一つにしてください。",
  latent_missing: "`latent` に画像の潜在表現がありません。VAE Encode をつないでください。",
  latent_kind: "`latent` は {kind} 用のようですが、これは Stable Diffusion 1.x 用です。`model` と同じチェックポイントの VAE で画像をエンコードしてください。",
  phrase_empty: "`phrase` が空です。<my_concept> face のように名前とクラス語を書くか、コンセプト読み込みの phrase をつないでください。",
  // Files and names
  not_there: "`{widget}`：{folders} に {name}（{thing}）がありません。{saver} で保存するか、別のものを選んでください。",
  bad_name: "`name` の {name} は名前に使えません（{problem}）。my_concept のように英数字と _ と - を使ってください。",
  new_name: "新しい名前は {name} です。名前に使えません（{problem}）。my_concept のように英数字と _、- を使ってください。",
  name_taken: "{name} というコンセプトがすでにあります。別の名前にしてください。",
  not_own: "このパックのフォルダーに {name} というコンセプトはありません。変更できるのはその中のものだけです。",
  newer: "{file} は新しい版の Single Image Studio で作られました（形式 {version}、この版は {format} まで）。パックを更新してください。",
  file_empty: "{file} は空です。コピーかダウンロードをやり直すか、コンセプト保存・インバージョン保存のファイルを選んでください。",
  disk_full: "{folder} のディスクがいっぱいで {file} は保存されず、上書きもありません。結果はまだ接続上にあります。{megabytes} MB 空けて、もう一度実行してください。",
  // Numbers
  whole_least: "`{name}` は {value} ですが、{low} 以上の整数でなければなりません。`{name}` を変えてください。",
  whole_between: "`{name}` は {value} ですが、{low} から {high} の整数でなければなりません。`{name}` を変えてください。",
  above_zero: "`{name}` は {value} ですが、0 より大きくなければなりません。`{name}` を変えてください。",
  not_negative: "`{name}` は {value} ですが、0 以上でなければなりません。`{name}` を変えてください。",
  numbers: "`{name}` は {text} ですが、0.1, 0.2 のようにコンマで区切った数を書いてください。",
  no_number: "`{name}` は {text} ですが、0.1, 0.2 のように少なくとも一つの数を書いてください。",
  grid_large: "`alphas` と `source_ratios` で {count} 枚になりますが、グリッドは {most} 枚までです。減らしてください。",
  // Masks
  find_nothing: "`prompt` が空です。face のように探すものを書いてください。複数ならピリオドで区切ります：face . hair",
  not_found:
    "`prompt`：{phrases} が見つかりません{where}。最高スコアは {score}、`box_threshold` は {threshold} です。`box_threshold` " +
    "を下げるか、別の言葉にするか、代わりにマスクを塗ってください。",
  not_found_far:
    "`prompt`：{phrases} が見つかりません{where}。最高スコアは {score}、`box_threshold` は {threshold} です。" +
    "別の言葉にするか、代わりにマスクを塗ってください。",
  download_each: "`detector` と `segmenter`：{count} 個のモデルがありません。それぞれのフォルダーにダウンロードしてください：\n{lines}",
  download_each_or_run:
    "`detector` と `segmenter`：{count} 個のモデルがありません。" +
    "それぞれのフォルダーにダウンロードするか、このパックのフォルダーで `{command}` を実行してください：\n{lines}",
  download_or_run:
    "`{widget}`：{folder} に {model}（{megabytes} MB）がありません。{address} からダウンロードするか、パックのフォルダーで `{command}` を実行してください。",
  download_files:
    "`{widget}`：{folder} に {model}（{megabytes} MB）がありません。{address} から {files} を {place} にダウンロードするか、パックのフォルダーで " +
    "`{command}` を実行してください。",
};

// Errors in Chinese, by their keys in en.mjs. {names} stand for values.

/** @type {Record<string, string>} */
export const zh = {
  // Learning
  mask_empty: "`mask` 是空的：请涂出或检测主体，使其在遮罩中为白色。",
  class_word_empty: "`class_word` 是空的：请用一两个词写出主体的类别，例如 face 或 dog。",
  class_word: "`class_word` 是 {value}：请用一两个词写出主体的类别，例如 face 或 dog。",
  image_kind: "`image` 不是一张 RGB 图片：请连接“加载图像”，或其他输出 IMAGE 的节点。",
  image_batch: "`image` 有 {count} 张，而概念只从一张图片学习：请用 ImageFromBatch 取一张。",
  image_small: "`image` 是 {size} 像素：请使用每边至少 {least} 像素的图片，最好 512。",
  mask_batch: "`mask` 有 {count} 张，而图片只有一张：请连接一张遮罩。",
  resolution: "`resolution` 是 {value}，必须是 {step} 的倍数：请更改 `resolution`。",
  out_of_memory:
    "即使一次一张也内存不足：请把第一阶段的 `encoder` 设为 cnn 或 none，降低它的 `resolution`，" +
    "把 `gradient_checkpointing` 设为 auto，或关闭其他程序。",
  diverged_precision: "第 {step} 步时 {name} 变为 {value}：请降低 `learning_rate`，或把 `precision` 设为 fp32。",
  diverged: "第 {step} 步时 {name} 变为 {value}：请降低 `learning_rate`。",
  picture_left_out: "`concept` 保存时没有带图片（`include_picture` 已关闭），而第二阶段要从图片学习：请重新训练第一阶段，或加载带图片的概念。",
  lora_rank: "`concept` 的 LoRA 秩为 {found}，而 `rank` 是 {rank}：要在其上继续，请把 `rank` 设为 {found}。",
  // What is connected
  model_kind: "`model` 是 {kind}，而本节点用于 Stable Diffusion 1.x：请加载 SD 1.4、1.5 或其微调模型。",
  clip_missing: "`clip` 是空的：加载的文件中没有文本编码器；请加载完整的 SD 1.5 模型，或添加“加载CLIP”。",
  clip_kind: "`clip` 是 {kind} 的文本编码器，而本节点用于 Stable Diffusion 1.x：请连接该模型自己的 CLIP。",
  clip_width: "`clip` 似乎用于 {kind}，`model` 无法读取：请把两者连接到同一个模型。",
  vae_missing: "`vae` 是空的：加载的文件中没有 VAE；请加载完整的 SD 1.5 模型，或添加“加载VAE”。",
  vae_kind: "`vae` 似乎用于 {kind}，而本节点用于 Stable Diffusion 1.x：请连接该模型自己的 VAE。",
  prompt_missing: "`{name}` 是空的：请连接“CLIP文本编码”；若不要任何文字，把其文本留空即可。",
  prompt_kind: "`{name}` 中没有文本嵌入：请连接“CLIP文本编码”。",
  prompt_parts: "`{name}` 有 {count} 个部分（区域或合并的提示词），而 `target` 有 {parts} 个：请让两者相同，或只给 `{name}` 一个。",
  latent_missing: "`latent` 中没有图片的潜空间数据：请连接“VAE编码”。",
  latent_kind: "`latent` 似乎用于 {kind}，而本节点用于 Stable Diffusion 1.x：请用 `model` 所属模型的 VAE 编码图片。",
  phrase_empty: "`phrase` 是空的：请写出概念名和类别词，例如 <my_concept> face，或连接“加载概念”的 phrase。",
  // Files and names
  not_there: "`{widget}`：{folders} 中没有 {name}（{thing}）；请先用 {saver} 保存，或选择其他项。",
  bad_name: "`name` 是 {name}，不能用作名称（{problem}）：请使用字母、数字、_ 和 -，例如 my_concept。",
  new_name: "新名称是 {name}，不能用作名称（{problem}）：请使用字母、数字、_ 和 -，例如 my_concept。",
  name_taken: "已有名为 {name} 的概念：请换一个名称。",
  not_own: "本节点包自己的文件夹中没有概念 {name}：只能更改其中的概念。",
  newer: "{file} 由更新版本的 Single Image Studio 制作（格式 {version}，此版本可读 {format}）：请更新本节点包。",
  file_empty: "{file} 是空文件：请重新复制或下载，或选择由“保存概念”或“保存反演”写出的文件。",
  disk_full: "{folder} 所在的磁盘已满，{file} 没有保存，也没有覆盖任何文件；结果仍在连线上：请腾出 {megabytes} MB 后重新运行。",
  // Numbers
  whole_least: "`{name}` 是 {value}，必须是不小于 {low} 的整数：请更改 `{name}`。",
  whole_between: "`{name}` 是 {value}，必须是 {low} 到 {high} 的整数：请更改 `{name}`。",
  above_zero: "`{name}` 是 {value}，必须大于 0：请更改 `{name}`。",
  not_negative: "`{name}` 是 {value}，不能小于 0：请更改 `{name}`。",
  numbers: "`{name}` 是 {text}，应为用逗号隔开的数字，例如 0.1, 0.2：请更改 `{name}`。",
  no_number: "`{name}` 是 {text}，至少需要一个数字，例如 0.1, 0.2：请更改 `{name}`。",
  grid_large: "`alphas` 和 `source_ratios` 共产生 {count} 张图片，而网格最多 {most} 张：请减少。",
  // Masks
  find_nothing: "`prompt` 是空的：请写出要找的东西，例如 face；多个之间用句点隔开：face . hair",
  not_found:
    "`prompt`：没有找到 {phrases}{where}：最高得分为 {score}，而 `box_threshold` 是 {threshold}；请降低 `box_threshold`，换用其他词，" +
    "或改为手绘遮罩。",
  not_found_far:
    "`prompt`：没有找到 {phrases}{where}：最高得分为 {score}，而 `box_threshold` 是 {threshold}；请换用其他词，或改为手绘遮罩。",
  download_each: "`detector` 和 `segmenter`：缺少 {count} 个模型。请分别下载到各自的文件夹：\n{lines}",
  download_each_or_run: "`detector` 和 `segmenter`：缺少 {count} 个模型。请分别下载到各自的文件夹，或在本节点包的文件夹中运行 `{command}`：\n{lines}",
  download_or_run: "`{widget}`：{folder} 中没有 {model}（{megabytes} MB）：请从 {address} 下载，或在本节点包的文件夹中运行 `{command}`。",
  download_files:
    "`{widget}`：{folder} 中没有 {model}（{megabytes} MB）：请从 {address} 下载 {files} 放入 {place}，或在本节点包的文件夹中运行 `{command}`。",
};

// Warnings in Chinese, by their ids in support/warnings.py. {names} stand for values.

/** @type {Record<string, string>} */
export const zh = {
  // Pictures to learn from
  mask_resized: "遮罩为 {mask}，图片为 {picture}：已缩放遮罩。",
  picture_resized: "图片已从 {before} 像素缩放到 {after} 像素。",
  picture_cropped: "图片为 {size}：已裁剪为包含主体的正方形。",
  edge_repeated: "图片为 {size}，主体比短边还长：已重复边缘，补成正方形。",
  mask_covers_all: "遮罩覆盖了整张图片：没有可用于背景损失的部分，概念会带上背景。",
  mask_too_large: "遮罩占图片的 {percent} %：剩下的部分太少，背景损失学不到东西；请检查遮罩有没有超出主体。",
  mask_touches_edges: "遮罩碰到图片的 {sides} 条边：训练前请检查遮罩有没有超出主体。",
  mask_too_small: "遮罩只占图片的 {percent} %：请围绕主体裁剪图片，或检查遮罩。",
  mask_in_parts: "遮罩分成 {parts} 块：请检查它们是否都属于主体，有没有碎点。",
  // Training
  micro_batches: "内存不足：改用大小为 {size} 的小批次继续（更慢，结果除舍入外相同）。",
  moments_in_ram: "内存不足：把优化器的状态放到电脑内存中继续（更慢，结果相同）。",
  checkpointing: "内存不足：改用梯度检查点继续（更慢，结果除舍入外相同）。",
  optimiser_memory: "内存不足：第 {step} 步的更新改为逐个权重进行，其滑动平均略有偏差。",
  vae_in_tiles:
    "VAE 内存不足：图片已分块编码，因此每一步学习的都是同一组潜变量，而不是 VAE 分布的抽样。",
  not_learned:
    "第一阶段没有学到主体：到最后，主体的损失仍是单用类别词时的 {percent} %；请把 `learning_rate` 加倍或减半、增加 `steps`，或换一个 `seed`。",
  // Going on with a training
  went_on: "从保存的第 {done} 步（共 {steps} 步）继续。",
  pictures_kept: "{pictures} 张图片中有 {found} 张在之前的运行中已完成，没有重做。",
  state_damaged: "这次训练保存的状态已损坏，因此从头开始。",
  state_of_another_version: "这次训练保存的状态来自另一版本的扩展、ComfyUI 或 torch，或来自另一种设备，因此从头开始。",
  state_beyond_steps: "这次训练保存的状态在第 {done} 步，而 `steps` 是 {steps}，因此从头开始。",
  state_not_kept: "无法保存这次训练的状态（{reason}）：如果取消，它将从头开始。",
  // MODEL and what was made with another one
  concept_of_another_checkpoint: "概念 {name} 是用与 `model` 不同的 Checkpoint制作的：相似度可能较弱。",
  stage1_of_another_checkpoint: "`concept` 是用与 `model` 不同的 Checkpoint制作的：相似度可能较弱。",
  inversion_of_another_checkpoint:
    "`inversion` 是用与 `model` 不同的 Checkpoint制作的：图片无法正确重建，请用它重新反演。",
  inversion_of_another_picture:
    "`inversion` 与 `latent` 不是同一张图片：它保存的提示词不会使用。请让两者来自同一张图片。",
  wrapper_left_out:
    "`model` 带有 {wrappers}，它要求采样器那样逐步降低噪波：反演、优化、训练和 时间步感知K采样器 会忽略它。",
  guidance_patch: "`model` 带有引导补丁（如 RescaleCFG），反演及其采样器不使用它；用自带 KSampler 采样时它有效。",
  // Prompts
  unknown_concept: "提示词中写了 <{written}>，但这里没有加载这个概念；已加载的有 {known}。",
  name_without_brackets: "提示词中的 {name} 没有加尖括号，因此没有使用这个概念：请写成 {phrase}。",
  two_concepts: "这里有两个名为 <{name}> 的概念，使用后加载的那个：请给其中一个改名。",
  wrong_class_word: "提示词提到 <{name}>，但没有它的类别词：它是以“{phrase}”学习的，最好这样写。",
  not_kept_apart:
    "其他扩展改变了 `clip` 编码提示词的方式，一个词元在结果里不止一个位置：在这条提示词里，打开 `keep_apart` 的概念作用于所有的词。",
  // Concepts kept apart
  apart_without_phrase:
    "这里没有提示词写到 <{name}>，所以画面中不会出现这个概念：请在“CLIP文本编码”中写出 <{name}> 和它的类别词，或关闭 `keep_apart`。",
  apart_without_region:
    "反演和编辑不在图片中寻找 {names} 的位置：它只通过自己短语的词起作用；要给它一个位置，请给 `region` 接上遮罩。",
  apart_unknown_phrases:
    "这里的提示词不是由“CLIP文本编码”编码的，所以 `keep_apart` 对 {names} 不起作用，它作用于整张图片：请用“CLIP文本编码”编码。",
  apart_unknown_rows: "另一个节点包把 `model` 用于批次的一部分，而这里不知道是哪一部分：{names} 对它们都不起作用。",
  apart_unknown_tiles: "另一个节点包把 `model` 用于图片的分块，而这里不知道它们在哪里：{names} 只作用于自己短语的词。",
  apart_unseen:
    "这里看不出 {names} 在图片的哪里：能看出位置的每一层都被某个节点包改动了，或者图片太大。它只作用于自己短语的词；要给它位置，请把遮罩接到 `region`。",
  lora_not_apart: "{name} 的 LoRA 有一部分无法分开：它作用于整张图片。",
  region_resized: "{name} 的区域为 {mask}，图片为 {picture}：已缩放区域。",
  region_repeated: "{name} 的区域有 {masks} 个遮罩，批次有 {pictures} 张图片：遮罩已依次重复。",
  region_empty: "{name} 的区域是空的：图片中不会出现这个概念。",
  regions_overlap: "{names} 的区域有重叠：在那里每个概念各占一份。",
  // Inversions
  nothing_to_optimise: "`cfg` 为 1 时无条件提示词不起作用，没有可优化的内容；这等同于普通的 DDIM 反演。",
  uncond_not_kept: "文件只保存无条件嵌入，不保存 `uncond` 上的其他内容（{extras}）。",
  // Masks
  phrase_not_found: "第 {number} 张图片中没有高于阈值的“{phrase}”；遮罩只包含提示词的其余部分。",
  negative_not_found: "第 {number} 张图片中没有高于阈值的“{phrase}”（`negative`）；遮罩里没有为它去掉任何部分。",
  only_hints:
    "第 {number} 张图片中没有找到提示词所写的内容：最高分为 {score}，`box_threshold` 为 {threshold}；遮罩只包含提示的部分。",
  nothing_shown: "没有框、点或粗略遮罩指出第 {number} 张图片中的任何东西：遮罩由 `on_missing` 决定。",
  boxes_resized: "`boxes` 的框是在 {boxes} 的图片中找到的，而这张图片是 {picture}：框已随之缩放。",
  mask_hint_resized: "`mask_hint` 的遮罩是 {mask}，图片是 {picture}：遮罩已缩放。",
  nothing_found_empty:
    "第 {number} 张图片中没有找到提示词所写的内容：最高分为 {score}，`box_threshold` 为 {threshold}；遮罩为空。",
  nothing_found_full:
    "第 {number} 张图片中没有找到提示词所写的内容：最高分为 {score}，`box_threshold` 为 {threshold}；遮罩为整张图片。",
};

// The sentences of our most frequent errors, as Python writes them: {names} stand for what it puts there. A test holds
// that each of them is one of Python's; errors/sentences.mjs finds their other languages by them.

export const en = {
  // Learning
  mask_empty: "`mask` marks nothing: paint or detect the subject, so that it is white in the mask.",
  class_word_empty: "`class_word` is empty: name the subject's kind in a word or two, such as face or dog.",
  class_word: "`class_word` is {value}: name the subject's kind in a word or two, such as face or dog.",
  image_kind: "`image` is not one RGB picture: connect a Load Image, or another node that gives an IMAGE.",
  image_batch: "`image` is a batch of {count} and a concept is learned from one picture: take one with ImageFromBatch.",
  image_small: "`image` is {size} pixels: use one of at least {least} pixels a side, better 512.",
  mask_batch: "`mask` is a batch of {count} and there is one picture: connect one mask.",
  resolution: "`resolution` is {value}; it must be a multiple of {step}: change `resolution`.",
  out_of_memory:
    "out of memory even for a single sample: set `encoder` of Stage I to cnn or none, lower its `resolution`, set " +
    "`gradient_checkpointing` to auto, or close other programs.",
  diverged_precision: "the {name} became {value} at step {step}: lower `learning_rate`, or set `precision` to fp32.",
  diverged: "the {name} became {value} at step {step}: lower `learning_rate`.",
  picture_left_out:
    "`concept` was saved without its picture (`include_picture` was off), and Stage II learns from it: train " +
    "Stage I again, or load one saved with it.",
  lora_rank: "`concept` has a LoRA of rank {found} and `rank` is {rank}: set `rank` to {found} to go on from it.",
  // What is connected
  model_kind:
    "`model` is {kind}, and this works on Stable Diffusion 1.x: load an SD 1.4 or 1.5 checkpoint, or any finetune " +
    "of one.",
  clip_missing:
    "`clip` is empty: the loaded file holds no text encoder; load a full SD 1.5 checkpoint, or add a Load CLIP.",
  clip_kind:
    "`clip` is a text encoder of {kind}, and this works on Stable Diffusion 1.x: connect the checkpoint's own CLIP.",
  clip_width: "`clip` seems to be made for {kind}, and `model` cannot read it: connect both to the same checkpoint.",
  vae_missing: "`vae` is empty: the loaded file holds no VAE; load a full SD 1.5 checkpoint, or add a Load VAE.",
  vae_kind:
    "`vae` seems to be made for {kind}, and this works on Stable Diffusion 1.x: connect the checkpoint's own VAE.",
  prompt_missing:
    "`{name}` is empty: connect a CLIP Text Encode (Prompt) to it; for no text at all leave its text empty.",
  prompt_kind: "`{name}` holds no text embedding: connect a CLIP Text Encode (Prompt) to it.",
  prompt_parts:
    "`{name}` has {count} parts (areas or combined prompts) and `target` has {parts}: give both the same, or " +
    "`{name}` one.",
  latent_missing: "`latent` holds no picture's latents: connect a VAE Encode to it.",
  latent_kind:
    "`latent` seems to be made for {kind}, and this works on Stable Diffusion 1.x: encode the picture with the " +
    "VAE of the checkpoint that `model` comes from.",
  phrase_empty:
    "`phrase` is empty: write the concept's name and class word, as in <my_concept> face, or connect Load " +
    "Concept's phrase.",
  // Files and names
  not_there: "`{widget}`: there is no {thing} {name} in {folders}; save one with {saver}, or choose another.",
  bad_name: "`name` is {name}, which {problem}: use letters, digits, _ and -, as in my_concept.",
  new_name: "The new name is {name}, which {problem}: use letters, digits, _ and -, as in my_concept.",
  name_taken: "There is a concept called {name} already: use another name.",
  not_own: "There is no concept {name} in the pack's own folder: only those that are there can be changed.",
  newer:
    "{file} was made by a newer version of Single Image Studio (format {version}; this one reads {format}): " +
    "update the pack.",
  file_empty: "{file} is empty: copy or download it again, or choose a file that Save Concept or Save Inversion wrote.",
  disk_full:
    "the disk that holds {folder} is full, so {file} was not saved and nothing was overwritten; it is still on " +
    "the wire: free {megabytes} MB and queue again.",
  // Numbers
  whole_least: "`{name}` is {value}; it must be a whole number, at least {low}: change `{name}`.",
  whole_between: "`{name}` is {value}; it must be a whole number, from {low} to {high}: change `{name}`.",
  above_zero: "`{name}` is {value}; it must be a number above 0: change `{name}`.",
  not_negative: "`{name}` is {value}; it must be a number of at least 0: change `{name}`.",
  numbers: "`{name}` is {text}; expected numbers with commas between them, as in 0.1, 0.2: change `{name}`.",
  no_number: "`{name}` is {text}; expected at least one number, as in 0.1, 0.2: change `{name}`.",
  grid_large: "`alphas` and `source_ratios` make {count} pictures and a grid holds {most}: give fewer.",
  // Masks
  find_nothing:
    "`prompt` is empty: write what to find, for example face, or several things with full stops between them: " +
    "face . hair",
  not_found:
    "`prompt`: no {phrases} was found{where}: the best score was {score} and `box_threshold` is {threshold}; " +
    "lower `box_threshold`, use another word, or paint the mask instead.",
  not_found_far:
    "`prompt`: no {phrases} was found{where}: the best score was {score} and `box_threshold` is {threshold}; " +
    "use another word, or paint the mask instead.",
  download_each:
    "`detector` and `segmenter`: {count} models are missing. Download each into its folder:\n{lines}",
  download_each_or_run:
    "`detector` and `segmenter`: {count} models are missing. Download each into its folder, or run `{command}` in " +
    "the pack's folder:\n{lines}",
  download_or_run:
    "`{widget}`: {model} ({megabytes} MB) is not in {folder}: download it from {address}, or run `{command}` in " +
    "the pack's folder.",
  download_files:
    "`{widget}`: {model} ({megabytes} MB) is not in {folder}: download {files} from {address} into {place}, or " +
    "run `{command}` in the pack's folder.",
};

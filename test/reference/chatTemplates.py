"""
Golden renderings of chat templates, by transformers' `apply_chat_template(..., return_assistant_tokens_mask=True)`:
texts, token ids and which tokens the assistant says, for templates of three well-known forms (written for this project)
and the tiny tokenizers of `test/weights/golden`. Beside them the same templates without their `{% generation %}` blocks:
there a turn begins where the messages before it end with a generation prompt and ends where those up to it do, mapped to
tokens by the tokenizer's own offsets.
"""

import json
import re
from pathlib import Path

from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test/compute/templates/golden"
TOKENIZERS = ["byteLevel", "split", "sentencepiece"]
TEMPLATES = ["chatml", "llama2", "zephyr"]

CONVERSATIONS = [
    [{"role": "user", "content": "Where is Alice?"}, {"role": "assistant", "content": "On the bank."}],
    [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "  What was she tired of? "},
        {"role": "assistant", "content": "Of sitting by her sister,\nand of having nothing to do."},
        {"role": "user", "content": "And then?"},
        {"role": "assistant", "content": "She saw a rabbit; naïve, né à Zürich — 𝄞 <|im_end|>"},
    ],
]


def load(name):
    folder = ROOT / "test/weights/golden" / name
    config = json.loads((folder / "tokenizer_config.json").read_text())
    special = {key: value for key, value in config.items() if key in ("bos_token", "eos_token", "unk_token")}
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special)


def by_prefixes(tokenizer, template, messages):
    def text(part, prompt):
        return tokenizer.apply_chat_template(
            part, chat_template=template, tokenize=False, add_generation_prompt=prompt
        )

    whole = text(messages, False)
    spans = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start, end = text(messages[:index], True), text(messages[: index + 1], False)
        if not (whole.startswith(end) and end.startswith(start)):
            return whole, None
        spans.append([len(start), len(end)])
    return whole, spans


def mask_of(encoding, text, spans):
    # A token counts that has a byte of a span. Offsets are those of characters; of the tokens that spell one character
    # in several pieces each has it.
    return [int(any(start < b and a < end for start, end in spans)) for a, b in encoding["offset_mapping"]]


def main():
    cases = []
    for name in TOKENIZERS:
        tokenizer = load(name)
        for form in TEMPLATES:
            template = (GOLDEN / f"{form}.jinja").read_text()
            plain = re.sub(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}", r"{%\1 if true %}{% endif \2%}", template)
            if tokenizer.bos_token is None and "bos_token" in template:
                continue
            for messages in CONVERSATIONS:
                made = tokenizer.apply_chat_template(
                    messages,
                    chat_template=template,
                    return_assistant_tokens_mask=True,
                    return_dict=True,
                    tokenizer_kwargs={"return_offsets_mapping": True},
                )
                text, spans = by_prefixes(tokenizer, plain, messages)
                encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
                case = {
                    "tokenizer": name,
                    "template": form,
                    "messages": messages,
                    "text": text,
                    "ids": made["input_ids"],
                    "mask": made["assistant_masks"],
                    "prefixMask": None if spans is None else mask_of(encoding, text, spans),
                }
                assert encoding["input_ids"] == made["input_ids"], (name, form)
                cases.append(case)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (GOLDEN / "renderings.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()

"""tokenizers.json: ids by the Python package `tokenizers` (pip install tokenizers), for tokenizer files that it trains.

The files are small and written into the JSON, so that nothing is downloaded. Run with the package's own environment:
it needs neither PyTorch nor NumPy.
"""

import json
from pathlib import Path

import tokenizers
from tokenizers import (
    AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers,
)

FOLDER = Path(__file__).resolve().parent.parent

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.",
    "It's a lovely day; she'll say we've seen better days, but they're rare in 2024!",
    "Héllo wörld, naïve café: the Ångström is 0.1 nm. Straße, ΣΊΣΥΦΟΣ, Привет мир.",
    "lower lowest newer newest wider widest low low low new new wide  two  spaces\tand tabs\nand lines",
    "你好，世界。 emoji 👍🏽 and ½ and ﬁ ligature",
    "unbelievable unfriendly unhappiness happiness friendliness believable",
]
TEXTS = CORPUS + [
    "",
    " ",
    "   leading and trailing   ",
    "The LOWEST of the new-est: 1,234.56 (don't!) <unk> [MASK] done",
    "tokens[MASK] glued<s>here </s>  spaces",
    "zzzz 😀😀 œuvre Ωmega — “quoted” …",
    "e\u0301 combining, \u200bzero width, a\u00a0no-break space",
    "IT'S HE'LL i'm I'D",
    "line\r\nline\n\n\nline",
]


def trained(model, trainer, normalizer=None, pre=None, post=None, decoder=None, extra=()):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    if post is not None:
        tokenizer.post_processor = post(tokenizer)
    if decoder is not None:
        tokenizer.decoder = decoder
    for token in extra:
        tokenizer.add_tokens([token])
    return tokenizer


def bert():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return trained(
        models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20),
        trainers.WordPieceTrainer(vocab_size=160, special_tokens=special),
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
        lambda t: processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            special_tokens=[("[CLS]", t.token_to_id("[CLS]")), ("[SEP]", t.token_to_id("[SEP]"))],
        ),
        decoders.WordPiece(),
    )


def gpt2():
    return trained(
        models.BPE(),
        trainers.BpeTrainer(
            vocab_size=330, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
        None,
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        lambda t: processors.ByteLevel(),
        decoders.ByteLevel(),
    )


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def llama3():
    split = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
    return trained(
        models.BPE(ignore_merges=True),
        trainers.BpeTrainer(
            vocab_size=320, special_tokens=["<s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        ),
        None,
        pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
        lambda t: processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", t.token_to_id("<s>"))]),
        decoders.ByteLevel(),
    )


def sentencepiece():
    return trained(
        models.Unigram(),
        trainers.UnigramTrainer(vocab_size=110, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>"),
        normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
        pre_tokenizers.Metaspace(),
        lambda t: processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", t.token_to_id("</s>"))]),
        decoders.Metaspace(),
    )


def llama2():
    """BPE with byte fallback, as SentencePiece's BPE files are converted."""
    chars = sorted(set("".join(CORPUS[:2]).replace(" ", "▁")))
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he"), ("l", "o"), ("lo", "w"), ("▁", "d"), ("▁d", "o"), ("e", "r")]
    tokens = ["<unk>", "<s>", "</s>", *bytes_, *chars, *[a + b for a, b in merges]]
    tokenizer = Tokenizer(
        models.BPE(
            {t: i for i, t in enumerate(dict.fromkeys(tokens))}, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def words():
    return trained(
        models.WordLevel(unk_token="<unk>"),
        trainers.WordLevelTrainer(vocab_size=60, special_tokens=["<pad>", "<unk>"]),
        normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]),
        pre_tokenizers.Whitespace(),
    )


def subword():
    """BPE with an end of word, unknown characters and punctuation, as in the first papers; added tokens of all kinds."""
    return trained(
        models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
        trainers.BpeTrainer(vocab_size=120, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=30),
        normalizers.Lowercase(),
        pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Digits(True)]
        ),
        None,
        decoders.BPEDecoder(),
        [
            AddedToken("[MASK]", lstrip=True, normalized=False),
            AddedToken("<s>", rstrip=True, normalized=False),
            AddedToken("DONE", single_word=True),
        ],
    )


def split(behavior, invert=False):
    return trained(
        models.WordLevel(unk_token="<unk>"),
        trainers.WordLevelTrainer(vocab_size=80, special_tokens=["<unk>"]),
        None,
        pre_tokenizers.Split(Regex(r"[\s,]"), behavior, invert),
    )


FILES = {
    "WordPiece as BERT": bert(),
    "byte-level BPE as GPT-2": gpt2(),
    "byte-level BPE as Llama 3": llama3(),
    "Unigram as SentencePiece": sentencepiece(),
    "BPE with byte fallback as Llama 2": llama2(),
    "words": words(),
    "BPE with an end of word, added tokens": subword(),
    **{
        f"split, {behavior}{', inverted' if invert else ''}": split(behavior, invert)
        for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
        for invert in [False, True]
    },
}


def case(name, tokenizer):
    encoded = [tokenizer.encode(text) for text in TEXTS]
    return {
        "name": name,
        "file": json.loads(tokenizer.to_str()),
        "texts": TEXTS,
        "ids": [one.ids for one in encoded],
        "plain": [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS],
        "decoded": [tokenizer.decode(one.ids) for one in encoded],
    }


source = {
    "tool": "tokenizers",
    "version": tokenizers.__version__,
    "script": "test/references/make/tokenizers.py",
    "note": "files trained on six lines, in the shapes that well-known models have; ids with and without what the "
    "post-processor adds, and the texts that the ids decode to without special tokens",
}
lines = ",\n".join("  " + json.dumps(case(name, one), ensure_ascii=True) for name, one in FILES.items())
(FOLDER / "tokenizers.json").write_text(f'{{"source": {json.dumps(source)},\n "cases": [\n{lines}\n ]}}\n')

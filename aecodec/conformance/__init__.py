"""The conformance suite: files that any decoder can be tested with, a generator of more, and what runs a decoder.

    python -m aecodec.conformance run --decoder 'my-decoder {input} {output}'
    python -m aecodec.conformance run --self
    python -m aecodec.conformance generate -o more --seed 1 --count 200

`suite` is what a folder of such files holds, `runner` compares a decoder with it. `random_models` draws models and
`random_files` files from a seed; `writer` makes files from elements or samples, without an encoder's decisions.
"""

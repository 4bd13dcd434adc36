#!/usr/bin/env python3
"""Published models beside the outputs known for them: golden files, published vectors, counterexamples.
usage: known_vectors.py FOLDER [--only PATTERN]
FOLDER holds models/, data/ and golden/. Each line names what was compared and the largest error
relative to the largest known output (or what else is stated); the last is "N passed, M failed, K
skipped". Needs the strata module, numpy and Pillow."""
import argparse
import base64
import fnmatch
import gzip
import json
import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
from PIL import Image

import strata

ROOT = Path()
CHECKS = []
FLOAT = 1e-4  # of the largest output: what two orders of f32 sums differ by at most


def check(name):
    return lambda f: CHECKS.append((name, f)) or f


def session(path, **options):
    return strata.InferenceSession(str(ROOT / "models" / path), **options)


def run(path, *inputs, **options):
    s = session(path, **options)
    return s.run(None, {i.name: x for i, x in zip(s.get_inputs(), inputs)})


def golden(name):
    file = np.load(ROOT / "golden" / name)
    return dict(file) if isinstance(file, np.lib.npyio.NpzFile) else file


def error(got, known):
    got, known = np.asarray(got, np.float64), np.asarray(known, np.float64)
    assert got.shape == known.shape, f"shape {got.shape}, known {known.shape}"
    return float(np.abs(got - known).max() / max(np.abs(known).max(), 1e-30))


def near(got, known, limit=FLOAT):
    e = error(got, known)
    return e <= limit, f"relative error {e:.1e}, limit {limit:.0e}"


def chw(pixels, mean, std, divide=255.0, bgr=False):
    x = pixels.astype(np.float32) / np.float32(divide)
    if bgr:
        x = x[..., ::-1]
    x = (x - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(np.moveaxis(x, -1, -3)).astype(np.float32)


def cifar(count):
    rows = np.fromfile(ROOT / "data/cifar10/test_0_799.bin", np.uint8).reshape(-1, 3073)[:count]
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]


def one_by_one(path, items):
    s = session(path)
    name = s.get_inputs()[0].name
    return np.concatenate([s.run(None, {name: x[None]})[0] for x in items])


def wav(name):
    with wave.open(str(ROOT / "data/audio" / name)) as w:
        return np.frombuffer(w.readframes(w.getnframes()), np.int16).astype(np.float32) / 32768


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


@check("cifar10/resnet20_cifar10.onnx")
def _():
    x = chw(cifar(100)[0], *IMAGENET)
    return near(run("cifar10/resnet20_cifar10.onnx", x)[0], golden("resnet20_cifar10_test_0_99_logits.npy"))


@check("cifar10/resnet56_cifar10.onnx")
def _():
    x = chw(cifar(100)[0], *IMAGENET)
    return near(run("cifar10/resnet56_cifar10.onnx", x)[0], golden("resnet56_cifar10_test_0_99_logits.npy"))


@check("vnn/vit/pgd_2_3_16.onnx")
def _():
    x = chw(cifar(100)[0], *HALF)
    return near(run("vnn/vit/pgd_2_3_16.onnx", x)[0], golden("vit_pgd_2_3_16_cifar10_test_0_99_logits.npy"))


@check("mlperf_tiny/ic_resnet8_fp32.onnx")
def _():
    x = cifar(100)[0].astype(np.float32).transpose(0, 3, 1, 2)
    got = run("mlperf_tiny/ic_resnet8_fp32.onnx", np.ascontiguousarray(x))[0]
    return near(got, golden("ic_resnet8_fp32_test_0_99.npy"))


@check("imagenet/squeezenet1.1.onnx")
def _():
    x = chw(golden("imagenet_crops_u8_nhwc.npy"), *IMAGENET)
    return near(one_by_one("imagenet/squeezenet1.1.onnx", x), golden("squeezenet1.1_logits.npy"))


@check("imagenet/squeezenet1.1_io")
def _():
    folder = ROOT / "models/imagenet/squeezenet1.1_io"
    given = sorted(folder.glob("*_input.npy"))
    worst = 0.0
    for path in given:
        known = np.load(path.with_name(path.name.replace("input", "output")))
        got = run("imagenet/squeezenet1.1.onnx", np.load(path).reshape(1, 3, 224, 224))[0]
        worst = max(worst, error(got.ravel(), known.ravel()))
    return len(given) > 0 and worst <= FLOAT, f"{len(given)} vectors, relative error {worst:.1e}"


@check("imagenet/squeezenet1.0_deepcompressed.onnx.gz")
def _():
    path = ROOT / "models/imagenet/squeezenet1.0_deep_compression/squeezenet1.0_deepcompressed.onnx.gz"
    s = strata.InferenceSession(gzip.decompress(path.read_bytes()))
    x = golden("imagenet_crops227_u8_nhwc.npy").astype(np.float32)[..., ::-1]
    x = np.ascontiguousarray((x - np.array((104, 117, 123), np.float32)).transpose(0, 3, 1, 2))
    got = np.concatenate([s.run(None, {s.get_inputs()[0].name: i[None]})[0] for i in x])
    return near(got.reshape(4, 1000), golden("squeezenet1.0_deepcompressed_logits.npy"))


@check("imagenet/tiny_darknet.onnx")
def _():
    x = chw(golden("imagenet_crops_u8_nhwc.npy"), (0, 0, 0), (1, 1, 1))
    return near(one_by_one("imagenet/tiny_darknet.onnx", x), golden("tiny_darknet_logits.npy"))


@check("imagenet/shufflenet-v2-12-int8.onnx")
def _():
    x = chw(golden("imagenet_crops_u8_nhwc.npy"), *IMAGENET)
    got = one_by_one("imagenet/shufflenet-v2-12-int8.onnx", x)
    known = golden("shufflenet_int8_logits.npy")
    same = int((got.argmax(1) == known.argmax(1)).sum())
    # Steps of 8 bits: see docs/from-onnxruntime.md; the class must not change.
    return same == len(known), f"same class {same} of {len(known)}, relative error {error(got, known):.1e}"


@check("detect/ultraface_RFB-320.onnx")
def _():
    x = chw(golden("grace_hopper_320x240_u8_nhwc.npy")[None], (127,) * 3, (128,) * 3, divide=1)
    got, known = run("detect/ultraface_RFB-320.onnx", x), golden("ultraface_RFB-320_outputs.npz")
    worst = max(error(got[0], known["scores"]), error(got[1], known["boxes"]))
    return worst <= FLOAT, f"relative error {worst:.1e}, best score {got[0][0, :, 1].max():.5f} (0.99999)"


@check("detect/FastestDet.onnx")
def _():
    x = chw(golden("cats_and_dogs_352_u8_nhwc.npy")[None], (0, 0, 0), (1, 1, 1), bgr=True)
    return near(run("detect/FastestDet.onnx", x)[0], golden("fastestdet_output.npz")["out0"])


@check("detect/nanodet_m_416.onnx")
def _():
    x = chw(golden("cats_and_dogs_416_u8_nhwc.npy")[None], (103.53, 116.28, 123.675), (57.375, 57.12, 58.395),
            divide=1, bgr=True)
    got, known = run("detect/nanodet_m_416.onnx", x), golden("nanodet_m_416_outputs.npz")
    worst = max(error(g, known[f"out{i}"]) for i, g in enumerate(got))
    return worst <= FLOAT, f"6 outputs, relative error {worst:.1e}"


@check("detect/yunet_n_320.onnx")
def _():
    picture = Image.open(ROOT / "data/images/grace_hopper.bmp").convert("RGB").resize((320, 320), Image.BICUBIC)
    x = np.asarray(picture, np.float32)[..., ::-1].transpose(2, 0, 1)[None]
    s = session("detect/yunet_n_320.onnx")
    out = dict(zip([o.name for o in s.get_outputs()], s.run(None, {s.get_inputs()[0].name: np.ascontiguousarray(x)})))
    best = float((out["cls_32"] * out["obj_32"]).max())
    return abs(best - 0.875) <= 0.01, f"best cls*obj at stride 32 {best:.3f} (0.875 with another resize)"


@check("generate/super_resolution.onnx")
def _():
    known = golden("super_resolution_cat_y.npz")
    got = run("generate/super_resolution.onnx", known["y_u8"].astype(np.float32)[None, None] / 255)[0]
    # The golden output is stored in f16: half a unit in the last place of 11 bits.
    return near(got, known["out"], 2.0**-11)


@check("audio/silero_vad_16k_op15.onnx")
def _():
    known = json.loads((ROOT / "golden/silero_vad_16k_probs.json").read_text())
    s, worst, count = session("audio/silero_vad_16k_op15.onnx"), 0.0, 0
    for name, probabilities in known.items():
        x, state, before = wav(f"{name}.wav"), np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32)
        for i, p in enumerate(probabilities):
            step = x[i * 512 : (i + 1) * 512]
            step = np.pad(step, (0, 512 - len(step)))
            out, state = s.run(None, {"input": np.concatenate([before, step])[None], "state": state,
                                      "sr": np.array(16000, np.int64)})
            before, worst, count = step[-64:], max(worst, abs(float(out[0, 0]) - p)), count + 1
    # Stated with six decimals.
    return worst <= FLOAT, f"{count} steps, absolute error {worst:.1e}"


@check("audio/dtln_1.onnx, dtln_2.onnx")
def _():
    known, x = golden("dtln_mix_first160blocks.npy"), wav("gtcrn_mix.wav")
    first, second = session("audio/dtln_1.onnx"), session("audio/dtln_2.onnx")
    states = [np.zeros(s.get_inputs()[1].shape, np.float32) for s in (first, second)]
    window, sums, out = np.zeros(512, np.float32), np.zeros(512, np.float32), []
    names = [[i.name for i in s.get_inputs()] for s in (first, second)]
    for block in range(160):
        window = np.concatenate([window[128:], x[block * 128 : (block + 1) * 128]])
        spectrum = np.fft.rfft(window)
        magnitude = np.abs(spectrum).astype(np.float32).reshape(1, 1, -1)
        mask, states[0] = first.run(None, dict(zip(names[0], (magnitude, states[0]))))
        frame = np.fft.irfft(magnitude * mask * np.exp(1j * np.angle(spectrum)))
        frame, states[1] = second.run(None, dict(zip(names[1], (frame.astype(np.float32).reshape(1, 1, -1), states[1]))))
        sums = np.concatenate([sums[128:], np.zeros(128, np.float32)]) + frame.reshape(-1)
        out.append(sums[:128])
    return near(np.concatenate(out), known)


@check("audio/gtcrn_simple.onnx")
def _():
    x, known = wav("gtcrn_mix.wav"), wav("gtcrn_enh.wav")
    s = session("audio/gtcrn_simple.onnx")
    names = [i.name for i in s.get_inputs()]
    caches = [np.zeros(i.shape, np.float32) for i in s.get_inputs()[1:]]
    window = np.sqrt(np.hanning(513)[:512]).astype(np.float32)
    padded = np.pad(x, 256, mode="reflect")
    frames = (len(padded) - 512) // 256 + 1
    out = np.zeros(len(padded), np.float64)
    for t in range(frames):
        spectrum = np.fft.rfft(padded[t * 256 : t * 256 + 512] * window)
        mix = np.stack([spectrum.real, spectrum.imag], -1).astype(np.float32).reshape(1, 257, 1, 2)
        enhanced, *caches = s.run(None, dict(zip(names, [mix, *caches])))
        bins = enhanced[0, :, 0, 0] + 1j * enhanced[0, :, 0, 1]
        out[t * 256 : t * 256 + 512] += np.fft.irfft(bins) * window
    count = min(len(known), frames * 256 - 512)
    worst = float(np.abs(out[256 : 256 + count] - known[:count]).max())
    # Stated: one step of 16 bits.
    return worst <= 2.0 / 32768, f"{frames} frames, absolute error {worst:.1e}, limit two steps of 16 bits"


def counterexample(path):
    text = gzip.decompress(path.read_bytes()).decode()
    values = {axis: dict() for axis in "XY"}
    for axis, index, value in re.findall(r"\(([XY])_(\d+)\s+([-+.\deE]+)\)", text):
        values[axis][int(index)] = float(value)
    return tuple(np.array([v[i] for i in range(len(v))], np.float32) for v in (values["X"], values["Y"]))


@check("vnn counterexamples")
def _():
    worst, count = 0.0, 0
    for path in sorted((ROOT / "models/vnn").rglob("*.counterexample.gz")):
        model = max((m for m in path.parent.glob("*.onnx") if path.name.startswith(m.stem)),
                    key=lambda m: len(m.stem), default=None)
        if model is None:
            continue
        x, y = counterexample(path)
        s = strata.InferenceSession(str(model))
        shape = [d if isinstance(d, int) else 1 for d in s.get_inputs()[0].shape]
        got = s.run(None, {s.get_inputs()[0].name: x.reshape(shape)})[0]
        worst, count = max(worst, error(got.ravel(), y)), count + 1
    return count > 0 and worst <= FLOAT, f"{count} counterexamples, relative error {worst:.1e}"


def mnist(count):
    pixels = gzip.decompress((ROOT / "data/mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((ROOT / "data/mnist/t10k-labels-idx1-ubyte.gz").read_bytes())
    return (np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)[:count],
            np.frombuffer(labels, np.uint8, offset=8)[:count])


def right(scores, labels, stated):
    n = int((np.asarray(scores).reshape(len(labels), -1).argmax(1) == labels).sum())
    return n == stated, f"{n} of {len(labels)} right, stated {stated}"


@check("mnist/mnist_cnn.onnx")
def _():
    x, labels = mnist(1000)
    return right(one_by_one("mnist/mnist_cnn.onnx", x.astype(np.float32)[:, None]), labels, 987)


@check("text/magika_v3_3/model.onnx")
def _():
    folder = ROOT / "models/text/magika_v3_3"
    labels = json.loads((folder / "config.json").read_text())["target_labels_space"]
    rows = json.loads(gzip.decompress((folder / "reference_by_content.json.gz").read_bytes()))
    s = session("text/magika_v3_3/model.onnx")
    same = close = reached = 0
    for row in rows:
        prediction = row["prediction"]
        label = prediction["dl"]
        if label == "undefined":
            continue
        content = base64.b64decode(row["content_base64"])
        reached += 1
        text = content.strip()
        head, tail = text[:1024], text[-1024:]
        x = np.full(2048, 256, np.int32)
        x[: len(head)] = list(head)
        x[2048 - len(tail) :] = list(tail)
        scores = s.run(None, {s.get_inputs()[0].name: x[None]})[0][0]
        same += labels[int(scores.argmax())] == label
        close += abs(float(scores.max()) - prediction["score"]) <= 1e-3
    # The variance of padding is a difference of nearly equal squares: its rounding, and with it the
    # score of contents of a few bytes, depends on the order of a sum.
    return same == reached, f"same label {same} of {reached}; score to 1e-3 {close}, stated 123"


def picture(name, size=None, mode="RGB"):
    image = Image.open(ROOT / "data/images" / name).convert(mode)
    return np.asarray(image.resize((size, size), Image.BILINEAR) if size else image)


def classes(got, known):
    """Integers: the same class everywhere; steps are printed, for softmax multiplies them."""
    got, known = np.asarray(got).reshape(known.shape), np.asarray(known)
    same = int((got.argmax(1) == known.argmax(1)).sum())
    steps = np.abs(got.astype(int) - known.astype(int))
    # The golden file rounds each operator once, so that near ties may fall the other way.
    return same >= 0.99 * len(known), (
        f"same class {same} of {len(known)}, {int((steps > 0).sum())} of {steps.size} differ, largest step {steps.max()}"
    )


@check("mlperf_tiny/ic_resnet8_fp32.tflite")
def _():
    got = one_by_one("mlperf_tiny/ic_resnet8_fp32.tflite", cifar(100)[0].astype(np.float32))
    return near(got, golden("ic_resnet8_fp32_test_0_99.npy"))


@check("mlperf_tiny/ic_resnet8_int8.tflite")
def _():
    x = (cifar(100)[0].astype(np.int16) - 128).astype(np.int8)
    return classes(one_by_one("mlperf_tiny/ic_resnet8_int8.tflite", x), golden("ic_resnet8_int8_test_0_99.npy"))


def keywords():
    return np.fromfile(ROOT / "data/kws/mfcc_0_849.s8", np.int8).reshape(850, 49, 10, 1)


@check("mlperf_tiny/kws_dscnn_int8.tflite")
def _():
    return classes(one_by_one("mlperf_tiny/kws_dscnn_int8.tflite", keywords()), golden("kws_dscnn_int8_0_849.npy"))


@check("mlperf_tiny/kws_dscnn_fp32.tflite")
def _():
    x = np.float32(0.58470291) * (keywords().astype(np.float32) - 83)
    labels = np.fromfile(ROOT / "data/kws/mfcc_0_849.labels", np.uint8)
    scores = one_by_one("mlperf_tiny/kws_dscnn_fp32.tflite", x)
    n = int((scores.argmax(1) == labels).sum())
    # Stated 89.5 % with three digits, by one of the runtime's two hybrid arithmetics.
    return abs(n / 850 - 0.895) <= 0.003, f"{n} of 850 right ({n / 8.5:.1f} %), stated 89.5 %"


@check("audio/kwt1_speech_commands.tflite")
def _():
    raw = subprocess.run(["zstd", "-dc", str(ROOT / "data/kws/clips.s16le.zst")], capture_output=True, check=True)
    x = np.frombuffer(raw.stdout, "<i2").reshape(-1, 16000).astype(np.float32) / 32768
    return near(one_by_one("audio/kwt1_speech_commands.tflite", x), golden("kwt1_clips_logits.npy"))


@check("imagenet/mobilenet_v1_0.25_224_fp32.tflite")
def _():
    x = golden("imagenet_crops_u8_nhwc.npy").astype(np.float32) / np.float32(127.5) - 1
    return near(one_by_one("imagenet/mobilenet_v1_0.25_224_fp32.tflite", x), golden("mobilenet_v1_0.25_224_fp32.npy"))


@check("imagenet/mobilenet_v1_0.25_224_quant.tflite")
def _():
    path = "imagenet/mobilenet_v1_0.25_224_quant.tflite"
    good, text = classes(one_by_one(path, golden("imagenet_crops_u8_nhwc.npy")), golden("mobilenet_v1_0.25_224_quant.npy"))
    burger = run(path, picture("burger.jpg", 224)[None])[0][0]
    return good and burger.argmax() == 934, f"{text}; burger: class {burger.argmax()}, {burger.max() / 256:.3f} (0.96)"


@check("imagenet/mobilenet_v2_1.0_224_quant.tflite")
def _():
    path = "imagenet/mobilenet_v2_1.0_224_quant.tflite"
    good, text = classes(one_by_one(path, golden("imagenet_crops_u8_nhwc.npy")), golden("mobilenet_v2_1.0_224_quant.npy"))
    cat = run(path, picture("cat.bmp", 224)[None])[0][0]
    return good and cat.argmax() == 286 and cat.max() > 0.7 * 256, f"{text}; cat: class {cat.argmax()}, {cat.max() / 256:.3f}"


@check("generate/dcgan_mnist_generator.tflite")
def _():
    known = golden("dcgan_mnist_generator.npz")
    got = one_by_one("generate/dcgan_mnist_generator.tflite", known["z"])
    steps = np.abs(got - known["out"]) * 128
    return steps.mean() <= 0.5, f"mean difference {steps.mean():.3f} steps of 1/128, largest {steps.max():.0f}"


@check("segment/deeplabv3_mnv2_dm05_pascal_quant.tflite")
def _():
    got = run("segment/deeplabv3_mnv2_dm05_pascal_quant.tflite", picture("bird_segmentation.bmp")[None])[0][0]
    known = golden("deeplabv3_dm05_bird_classes_u8.npz")["out0"][0]
    mask = np.asarray(Image.open(ROOT / "data/images/bird_segmentation_mask.bmp"))
    same, of_mask = float((got == known).mean()), float((got == mask).mean())
    return of_mask / (2 - of_mask) > 0.9, f"{same:.2%} of the golden pixels, mask ratio {of_mask / (2 - of_mask):.3f} (0.929)"


@check("detect/person_detect_int8.tflite")
def _():
    results = []
    for name in ("person.bmp", "no_person.bmp"):
        x = picture(name, mode="L").view(np.int8).reshape(1, 96, 96, 1)
        results.append(run("detect/person_detect_int8.tflite", np.ascontiguousarray(x))[0][0].astype(int))
    worst = np.abs(np.array(results) - [[-113, 113], [59, -59]]).max()
    return worst <= 1, f"{results[0].tolist()} {results[1].tolist()}, stated [-113, 113] [59, -59] +-1"


@check("detect/movenet_lightning_ptq.tflite")
def _():
    rows = np.loadtxt(ROOT / "models/detect/movenet_lightning_reference.csv", delimiter=",", skiprows=1)
    known = rows[:17, [5, 4]]
    got = run("detect/movenet_lightning_ptq.tflite", picture("squat.bmp", 192)[None])[0].reshape(17, 3)
    apart = np.abs(got[:, :2] - known).max()
    return apart <= 0.4, f"largest distance in x and y {apart:.3f} (0.03; the source allows 0.4)"


@check("text/movie_review/nl_classifier.tflite")
def _():
    lines = (ROOT / "models/text/movie_review/vocab.txt").read_text().strip().split("\n")
    words = {word: int(index) for word, index in (line.rsplit(" ", 1) for line in lines)}
    worst = 0.0
    for text, side, known in (
        ("This is the best movie I\u2019ve seen in recent years. Strongly recommend it!", 1, 0.51342660),
        ("What a waste of my time.", 0, 0.81312954),
    ):
        ids = [words["<START>"]] + [words.get(w, words["<UNKNOWN>"]) for w in re.split(r"[^\w']+", text) if w]
        x = np.full((1, 256), words["<PAD>"], np.int32)
        x[0, : len(ids)] = ids
        worst = max(worst, abs(float(run("text/movie_review/nl_classifier.tflite", x)[0][0, side]) - known))
    return worst <= FLOAT, f"2 sentences, absolute error {worst:.1e}"


@check("sequence/mnist_lstm_fp32.tflite")
def _():
    x, labels = mnist(200)
    return right(one_by_one("sequence/mnist_lstm_fp32.tflite", x.astype(np.float32) / 255), labels, 196)


@check("sequence/keras_lstm_mnist_ptq.tflite")
def _():
    x, labels = mnist(200)
    good, text = right(one_by_one("sequence/keras_lstm_mnist_ptq.tflite", x), labels, 198)
    nine = run("sequence/keras_lstm_mnist_ptq.tflite", picture("mnist_nine.bmp", mode="L").reshape(1, 28, 28))[0][0]
    return good and nine.argmax() == 9 and nine.max() > 0.7 * 256, f"{text}; nine: class {nine.argmax()}, {nine.max()}/256"


def main():
    global ROOT
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="*")
    arguments = parser.parse_args()
    ROOT = arguments.folder
    passed = failed = skipped = 0
    for name, f in CHECKS:
        if not fnmatch.fnmatch(name, arguments.only):
            continue
        try:
            good, text = f()
        except FileNotFoundError as e:
            print(f"skip {name:48} no {Path(e.filename).name}", flush=True)
            skipped += 1
            continue
        except Exception as e:  # one model must not hide the others
            good, text = False, f"{type(e).__name__}: {e}".replace("\n", " ")[:300]
        print(f"{'ok  ' if good else 'FAIL'} {name:48} {text}", flush=True)
        passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


main()

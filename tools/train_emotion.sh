#!/bin/sh
# From data to a card: trains the two-headed network for films, averages it with three that went on
# from it, makes the int8 file, and compares.
#
#     tools/train_emotion.sh fer2013.csv fer2013new.csv FACES OUTPUT [OPTION OF TRAIN...]
#
# FACES is a folder of unlabelled pictures, cropped to the face: such as `mine-video live
# --source movie.mp4 --save-crops FACES` keeps. It needs the extra `train`, and is meant for one
# large graphics card (KERAS_BACKEND=jax or torch with its own build, or TensorFlow's); options
# given last count: `--epochs 1 --limit 256` only shows that all steps run. The same call goes on
# after a stop. The network is in OUTPUT/soup.
set -eu
[ $# -ge 4 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
data=$1 votes=$2 faces=$3 output=$4
shift 4

learn() {
    mine-video train "$data" --ferplus "$votes" --network two-headed \
        --unlabelled "$faces" --teacher two-headed --patience 0 --batch 256 --bf16 --balance .25 \
        --small .3 --motion .2 --h264 .3 --compress .1 --blur .2 --mouth .2 "$@"
}

learn --output "$output" --epochs 300 --learning-rate .1 --average .999 "$@"
for seed in 1 2 3; do
    learn --output "$output/seed$seed" --weights "$output/model.keras" --seed $seed \
        --epochs 20 --learning-rate .01 --average .99 "$@"
done
mine-video soup "$data" "$output" "$output"/seed[123] --ferplus "$votes" --output "$output/soup"
python "$(dirname "$0")/quantise_emotion.py" "$data" "$output/soup/model.onnx" "$output/soup"
mine-video evaluate "$data" "$output/model.onnx" "$output/soup/model.onnx" \
    "$output/soup/model_int8.onnx" --ferplus "$votes" --compare

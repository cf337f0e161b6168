module dotline.dev/bench/commands

go 1.26.0

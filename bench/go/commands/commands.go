// Package commands is the side of a measured server that the benchmark talks to: commands come as
// lines on standard input, answers go out as JSON lines on standard output, and the server ends when
// its input does.
package commands

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
)

// Server is what a measured server does.
type Server struct {
	// Listening is the port that it serves xDS on.
	Listening int
	// Change moves one endpoint, in what the first so many sidecars see.
	Change func(number, sidecars int) error
}

// AddressOfChange is where the endpoint goes that a change moves; `src/marker.ts` recognizes it.
func AddressOfChange(change int) string {
	return fmt.Sprintf("10.%d.%d.%d", change/65536, change/256%256, change%256)
}

// Serve obeys until standard input ends.
func Serve(server Server) error {
	say(map[string]any{"listening": server.Listening})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := obey(server, strings.Fields(lines.Text()))
		if err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
		say(answer)
	}
	return lines.Err()
}

func obey(server Server, words []string) (map[string]any, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("empty command")
	}
	switch {
	case words[0] == "change" && len(words) == 3:
		numbers, err := numbersOf(words[1:])
		if err != nil {
			return nil, err
		}
		return map[string]any{"applied": numbers[0]}, server.Change(numbers[0], numbers[1])
	case words[0] == "burst" && len(words) == 4:
		numbers, err := numbersOf(words[1:])
		if err != nil {
			return nil, err
		}
		for i := range numbers[1] {
			if err := server.Change(numbers[0]+i, numbers[2]); err != nil {
				return nil, err
			}
		}
		return map[string]any{"applied": numbers[0] + numbers[1] - 1}, nil
	case words[0] == "collect":
		debug.FreeOSMemory()
		return map[string]any{"collected": true}, nil
	case words[0] == "profile-start" && len(words) == 2:
		file, err := os.Create(words[1])
		if err != nil {
			return nil, err
		}
		return map[string]any{"profiling": true}, pprof.StartCPUProfile(file)
	case words[0] == "profile-stop":
		pprof.StopCPUProfile()
		return map[string]any{"profiling": false}, nil
	}
	return nil, fmt.Errorf("unknown command")
}

func numbersOf(words []string) ([]int, error) {
	numbers := make([]int, len(words))
	for i, word := range words {
		number, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		numbers[i] = number
	}
	return numbers, nil
}

func say(answer map[string]any) {
	line, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

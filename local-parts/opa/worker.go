package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	astjson "github.com/open-policy-agent/opa/v1/ast/json"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/version"
)

// file is a text under a name; nothing is read from disk.
type file struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// request is one JSON value on standard input.
type request struct {
	ID uint64 `json:"id"`
	// Do is "capabilities", "parse" (one file), "check" or "build".
	Do    string `json:"do"`
	Files []file `json:"files"`
	// Entrypoints of a build, such as "mesh/teams/rides/needs".
	Entrypoints []string `json:"entrypoints"`
	// Capabilities of a check or build, as `opa capabilities` prints them.
	Capabilities string `json:"capabilities"`
}

// answer is one line on standard output. Those of several requests come in the order in which they are ready.
type answer struct {
	ID     uint64    `json:"id"`
	Errors []problem `json:"errors,omitempty"`
	// Tree of a parse, as `opa parse --format json --json-include locations,-comments` prints it, with less text.
	Tree json.RawMessage `json:"tree,omitempty"`
	// Wasm of a build.
	Wasm []byte `json:"wasm,omitempty"`
	// Capabilities, as `opa capabilities --current` prints them.
	Capabilities string `json:"capabilities,omitempty"`
}

// greeting is the first line on standard output.
type greeting struct {
	Version string `json:"version"`
}

// problem has the fields that `opa check --format json` prints.
type problem struct {
	Message  string    `json:"message"`
	Code     string    `json:"code,omitempty"`
	Location *location `json:"location,omitempty"`
}

type location struct {
	File string `json:"file"`
	Row  int    `json:"row"`
	Col  int    `json:"col"`
}

// work answers requests at the same time as they come; who asks limits how many that are.
func work(in io.Reader, out io.Writer) error {
	// What `--json-include locations` sets: a setting of the process.
	astjson.SetOptions(astjson.Options{
		MarshalOptions: astjson.MarshalOptions{
			IncludeLocationText: true,
			IncludeLocation: astjson.NodeToggle{
				Term: true, Package: true, Comment: true, Import: true, Rule: true, Head: true, Expr: true,
				SomeDecl: true, Every: true, With: true, Annotations: true, AnnotationsRef: true,
			},
		},
	})
	var (
		requests = json.NewDecoder(bufio.NewReaderSize(in, 64*1024))
		answers  = json.NewEncoder(out)
		writing  sync.Mutex
		running  sync.WaitGroup
		known    capabilitiesByText
	)
	defer running.Wait()
	if err := answers.Encode(greeting{Version: version.Version}); err != nil {
		return err
	}
	for {
		var asked request
		if err := requests.Decode(&asked); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		running.Go(func() {
			answered := asked.answer(&known)
			writing.Lock()
			defer writing.Unlock()
			// When nobody reads any more, standard input has ended too.
			_ = answers.Encode(answered)
		})
	}
}

func (asked request) answer(known *capabilitiesByText) answer {
	result := answer{ID: asked.ID}
	var err error
	switch asked.Do {
	case "capabilities":
		result.Capabilities, err = capabilities()
	case "parse":
		result.Tree, err = parse(asked.Files)
	case "check":
		err = check(asked.Files, known, asked.Capabilities)
	case "build":
		result.Wasm, err = build(asked.Files, asked.Entrypoints, known, asked.Capabilities)
	default:
		err = errors.New("unknown request: " + asked.Do)
	}
	result.Errors = problems(err)
	return result
}

func problems(err error) []problem {
	if err == nil {
		return nil
	}
	var many ast.Errors
	var one *ast.Error
	var loading loader.Errors
	switch {
	case errors.As(err, &many):
		found := make([]problem, 0, len(many))
		for _, each := range many {
			found = append(found, problemOf(each))
		}
		return found
	case errors.As(err, &one):
		return []problem{problemOf(one)}
	case errors.As(err, &loading):
		var found []problem
		for _, each := range loading {
			found = append(found, problems(each)...)
		}
		return found
	}
	return []problem{{Message: err.Error()}}
}

func problemOf(err *ast.Error) problem {
	found := problem{Message: err.Message, Code: err.Code}
	if err.Location != nil {
		found.Location = &location{File: err.Location.File, Row: err.Location.Row, Col: err.Location.Col}
	}
	return found
}

// capabilitiesByText remembers the last ones: those of a process seldom change.
type capabilitiesByText struct {
	mutex sync.Mutex
	text  string
	value *ast.Capabilities
}

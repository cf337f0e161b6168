package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/compile"
)

// capabilities is `opa capabilities --current`.
func capabilities() (string, error) {
	text, err := json.Marshal(ast.CapabilitiesForThisVersion())
	return string(text), err
}

// parse is `opa parse` of one file. Of terms and expressions it tells no text and no file, which would make the
// tree a hundred times the source; those of rules, heads and keys stay.
func parse(files []file) (json.RawMessage, error) {
	if len(files) != 1 {
		return nil, errors.New("one file is parsed at a time")
	}
	module, err := parseModule(files[0])
	if err != nil {
		return nil, err
	}
	module.Comments = nil
	dropTexts(module)
	return json.Marshal(module)
}

func dropTexts(module *ast.Module) {
	keys := map[*ast.Term]bool{}
	for _, rule := range module.Rules {
		keys[rule.Head.Key] = true
	}
	ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.Term:
			if !keys[node] {
				node.Location = placeOnly(node.Location)
			}
		case *ast.Expr:
			node.Location = placeOnly(node.Location)
		}
		return false
	}).Walk(module)
}

// placeOnly makes a new location, because nodes share them.
func placeOnly(full *ast.Location) *ast.Location {
	if full == nil {
		return nil
	}
	return ast.NewLocation(nil, "", full.Row, full.Col)
}

// check is `opa check --strict`.
func check(files []file, known *capabilitiesByText, capabilities string) error {
	allowed, err := known.read(capabilities)
	if err != nil {
		return err
	}
	modules := make(map[string]*ast.Module, len(files))
	var failed ast.Errors
	for _, each := range files {
		module, err := parseModule(each)
		var found ast.Errors
		if errors.As(err, &found) {
			failed = append(failed, found...)
			continue
		}
		if err != nil {
			return err
		}
		modules[each.File] = module
	}
	if len(failed) > 0 {
		return failed
	}
	compiler := ast.NewCompiler().
		WithCapabilities(allowed).
		WithEnablePrintStatements(true).
		WithStrict(true).
		WithUseTypeCheckAnnotations(true)
	if compiler.Compile(modules); compiler.Failed() {
		return compiler.Errors
	}
	return nil
}

// build is `opa build --target wasm`.
func build(files []file, entrypoints []string, known *capabilitiesByText, capabilities string) ([]byte, error) {
	allowed, err := known.read(capabilities)
	if err != nil {
		return nil, err
	}
	texts := make(fstest.MapFS, len(files))
	names := make([]string, 0, len(files))
	for _, each := range files {
		texts[each.File] = &fstest.MapFile{Data: []byte(each.Text)}
		names = append(names, each.File)
	}
	compiler := compile.New().
		WithCapabilities(allowed).
		WithTarget(compile.TargetWasm).
		WithEntrypoints(entrypoints...).
		WithRegoAnnotationEntrypoints(true).
		WithRegoVersion(ast.RegoV1).
		WithFS(texts).
		WithPaths(names...)
	if err := compiler.Build(context.Background()); err != nil {
		return nil, err
	}
	modules := compiler.Bundle().WasmModules
	if len(modules) == 0 {
		return nil, errors.New("the build made no WebAssembly")
	}
	return modules[0].Raw, nil
}

func parseModule(source file) (*ast.Module, error) {
	return ast.ParseModuleWithOpts(source.File, source.Text, ast.ParserOptions{
		ProcessAnnotation: true,
		RegoVersion:       ast.RegoV1,
	})
}

func (known *capabilitiesByText) read(text string) (*ast.Capabilities, error) {
	known.mutex.Lock()
	defer known.mutex.Unlock()
	if known.value != nil && known.text == text {
		return known.value, nil
	}
	value, err := ast.LoadCapabilitiesJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	known.text, known.value = text, value
	return value, nil
}

// Command descriptors writes one FileDescriptorSet with every file of the Envoy v3 API that the
// library offers, and everything those files import.
//
// The Go module github.com/envoyproxy/go-control-plane/envoy carries the descriptor of each file
// that Envoy's own repository has at the release of the same number (no .proto text is needed).
// Importing a package registers its files; the roots below are all files of the imported packages.
//
//	go run . -o envoy-v3.binpb
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	out := flag.String("o", "envoy-v3.binpb", "where to write the descriptor set")
	versionOut := flag.String("version", "envoy-v3.version", "where to write the module version")
	flag.Parse()
	if err := run(*out, *versionOut); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out, versionOut string) error {
	var roots []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if isRoot(file.Path()) {
			roots = append(roots, file)
		}
		return true
	})
	// RangeFiles has no order; the committed file must not change unless the API does.
	sort.Slice(roots, func(i, j int) bool { return roots[i].Path() < roots[j].Path() })

	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	for _, root := range roots {
		appendClosure(set, root, seen)
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return fmt.Errorf("encode descriptor set: %w", err)
	}
	if err := os.WriteFile(out, bytes, 0o644); err != nil {
		return err
	}
	version, err := moduleVersion("github.com/envoyproxy/go-control-plane/envoy")
	if err != nil {
		return err
	}
	fmt.Printf("%d files, %d bytes, %s\n", len(set.File), len(bytes), version)
	return os.WriteFile(versionOut, []byte(version+"\n"), 0o644)
}

// isRoot says whether a registered file is offered to users, rather than present because the Go
// runtime or gRPC registered it.
func isRoot(path string) bool {
	for _, prefix := range []string{"envoy/", "opentelemetry/", "google/rpc/status"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// appendClosure appends file after everything it imports, the order that code generators expect.
func appendClosure(set *descriptorpb.FileDescriptorSet, file protoreflect.FileDescriptor, seen map[string]bool) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	imports := file.Imports()
	for i := 0; i < imports.Len(); i++ {
		appendClosure(set, imports.Get(i).FileDescriptor, seen)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
}

func moduleVersion(path string) (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", fmt.Errorf("built without module information")
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Path + " " + dep.Version, nil
		}
	}
	return "", fmt.Errorf("module %s is not among the build's dependencies", path)
}

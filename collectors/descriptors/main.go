// Writes the descriptor set of OTLP: everything that the three collector services need.
//
//	go run . > otlp.binpb
//
// The version is that of go.opentelemetry.io/proto/otlp in go.mod; it goes into otlp.version.
package main

import (
	"log"
	"os"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	written := map[string]bool{}
	// A file comes after everything it imports, as readers of descriptor sets expect.
	var write func(file protoreflect.FileDescriptor)
	write = func(file protoreflect.FileDescriptor) {
		if written[file.Path()] {
			return
		}
		written[file.Path()] = true
		for i := 0; i < file.Imports().Len(); i++ {
			write(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, root := range []protoreflect.FileDescriptor{
		logs.File_opentelemetry_proto_collector_logs_v1_logs_service_proto,
		traces.File_opentelemetry_proto_collector_trace_v1_trace_service_proto,
		metrics.File_opentelemetry_proto_collector_metrics_v1_metrics_service_proto,
	} {
		write(root)
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stdout.Write(bytes); err != nil {
		log.Fatal(err)
	}
}

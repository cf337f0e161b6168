// grpc-go's xDS client, for tests: resolves the target given as argument through the server of its
// bootstrap (GRPC_XDS_BOOTSTRAP_CONFIG). For each line on stdin it makes one call and writes one
// line: the code of the call, a tab, and the backend's answer or the error's text.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	method  = "/test.Backend/Name"
	timeout = 5 * time.Second
)

func main() {
	if len(os.Args) != 2 {
		log.Fatalf("usage: %s xds:///<name>", os.Args[0])
	}
	channel, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(call(channel))
	}
}

func call(channel *grpc.ClientConn) string {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var name wrapperspb.StringValue
	err := channel.Invoke(ctx, method, &emptypb.Empty{}, &name)
	if err != nil {
		text := strings.ReplaceAll(status.Convert(err).Message(), "\n", " ")
		return fmt.Sprintf("%d\t%s", status.Code(err), text)
	}
	return fmt.Sprintf("0\t%s", name.Value)
}

// Command opa is the Open Policy Agent's own command line with one command more: `opa worker`, which stays
// and answers many requests. A run of `opa` costs some fifty milliseconds before it has read a line.
package main

import (
	"errors"
	"os"

	"github.com/open-policy-agent/opa/cmd"
	"github.com/spf13/cobra"
)

func main() {
	root := cmd.RootCommand
	root.AddCommand(&cobra.Command{
		Use:   "worker",
		Short: "Parse, check and build what standard input asks for, until it ends",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return work(os.Stdin, os.Stdout)
		},
	})
	if err := root.Execute(); err != nil {
		var ended *cmd.ExitError
		if errors.As(err, &ended) {
			os.Exit(ended.Exit)
		}
		os.Exit(1)
	}
}

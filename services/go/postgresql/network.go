package postgresql

import (
	"errors"
	"io"
	"net"
)

// isNetwork reports that a connection broke under a statement.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// Package service is what the Go services of the example products share: settings, HTTP on a Unix
// socket, calls to other services, problems, telemetry. See services/README.md.
package service

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Settings are what every service is told about itself.
// Source: docs/architecture.md, "A service's side of the contract".
type Settings struct {
	Service  string
	Instance string
	// Listen is the path of the Unix socket to serve on.
	Listen string
	// Outbound is the path of the Unix socket through which other services are called.
	Outbound string
	LogLevel slog.Level
}

// ReadSettings reads the environment and names every variable that is missing or wrong.
func ReadSettings() (Settings, error) {
	var missing []string
	get := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	settings := Settings{
		Service:  get("DOTLINE_SERVICE"),
		Instance: get("DOTLINE_INSTANCE"),
		Listen:   get("DOTLINE_LISTEN"),
		Outbound: get("DOTLINE_OUTBOUND"),
	}
	if len(missing) > 0 {
		return Settings{}, fmt.Errorf("environment lacks %s", strings.Join(missing, ", "))
	}
	level, known := levels[strings.ToLower(os.Getenv("LOG_LEVEL"))]
	if !known {
		return Settings{}, fmt.Errorf("LOG_LEVEL: %q is not a level", os.Getenv("LOG_LEVEL"))
	}
	settings.LogLevel = level
	return settings, nil
}

// The names are those of the platform's other languages.
var levels = map[string]slog.Level{
	"":      slog.LevelInfo,
	"trace": slog.LevelDebug,
	"debug": slog.LevelDebug,
	"info":  slog.LevelInfo,
	"warn":  slog.LevelWarn,
	"error": slog.LevelError,
	"fatal": slog.LevelError,
}

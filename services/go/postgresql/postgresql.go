// Package postgresql is a service's database.
package postgresql

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"dotline.example/services/go/service"
)

const (
	connectionsMax      = 5
	connectMax          = 2 * time.Second
	statementMax        = "5000" // milliseconds
	transactionAttempts = 5
	backoffFirst        = 200 * time.Millisecond
	backoffMax          = 5 * time.Second
	// The lock under which replicas migrate one after the other; any constant will do.
	migrationLock = 70_061
)

// Database connects and migrates in the background, again and again with back-off. Until then, and
// whenever the server does not answer, errors are Problems 503.
type Database struct {
	pool     *pgxpool.Pool
	migrated atomic.Bool
}

// FromEnvironment reads DATABASE_URL and begins to connect. Migrations are SQL scripts, applied once
// each, in order; only ever append. They stop with ctx.
func FromEnvironment(ctx context.Context, migrations []string) (*Database, error) {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	config.MaxConns = connectionsMax
	config.ConnConfig.ConnectTimeout = connectMax
	config.ConnConfig.RuntimeParams["statement_timeout"] = statementMax
	config.ConnConfig.Tracer = otelpgx.NewTracer()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	d := &Database{pool: pool}
	go d.migrateUntilDone(ctx, migrations)
	return d, nil
}

// Ping returns nil when the schema is in place and the server answers.
func (d *Database) Ping(ctx context.Context) error {
	return d.Run(ctx, func(pool *pgxpool.Pool) error { return pool.Ping(ctx) })
}

// Run lends the pool to work and explains its error.
func (d *Database) Run(_ context.Context, work func(*pgxpool.Pool) error) error {
	if !d.migrated.Load() {
		return service.StoreUnavailable("PostgreSQL", errors.New("not migrated yet"))
	}
	return explain(work(d.pool))
}

// Transaction runs work in one serializable transaction, again when the server asks for it; so work
// must touch nothing but the database.
func (d *Database) Transaction(ctx context.Context, work func(pgx.Tx) error) error {
	return d.Run(ctx, func(pool *pgxpool.Pool) error {
		var err error
		for range transactionAttempts {
			err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, work)
			if !tryAgain(err) {
				return err
			}
		}
		return err
	})
}

// Close ends every connection.
func (d *Database) Close() error {
	d.pool.Close()
	return nil
}

func (d *Database) migrateUntilDone(ctx context.Context, migrations []string) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = backoffFirst, backoffMax
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := d.migrate(ctx, migrations)
		if err != nil && !serverDown(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
		slog.Warn("database not ready", "error", err.Error())
	}))
	switch {
	case err == nil:
		d.migrated.Store(true)
	case ctx.Err() == nil:
		slog.Error("migration refused", "error", err.Error())
	}
}

func (d *Database) migrate(ctx context.Context, migrations []string) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", migrationLock); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "create table if not exists migrations (version int primary key)"); err != nil {
			return err
		}
		var done int
		if err := tx.QueryRow(ctx, "select coalesce(max(version), 0) from migrations").Scan(&done); err != nil {
			return err
		}
		for i := done; i < len(migrations); i++ {
			if _, err := tx.Exec(ctx, migrations[i]); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "insert into migrations (version) values ($1)", i+1); err != nil {
				return err
			}
		}
		return nil
	})
}

func explain(err error) error {
	if serverDown(err) {
		return service.StoreUnavailable("PostgreSQL", err)
	}
	return err
}

// serverDown tells errors of the server or the way to it from refusals of a statement.
// The classes are those of PostgreSQL's appendix A.
func serverDown(err error) bool {
	var problem *service.Problem
	if err == nil || errors.Is(err, pgx.ErrNoRows) || errors.As(err, &problem) {
		return false
	}
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		for _, class := range []string{"08", "53", "57", "58"} {
			if strings.HasPrefix(refusal.Code, class) {
				return true
			}
		}
		return false
	}
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) || isNetwork(err)
}

// tryAgain reports a serialization failure or a deadlock.
func tryAgain(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && (refusal.Code == "40001" || refusal.Code == "40P01")
}

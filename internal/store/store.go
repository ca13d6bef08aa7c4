// Package store opens the SQL database of a part of rekey, brings its schema up
// to date, and runs transactions on it.
//
// The embedded default is SQLite in one file. Schemas and statements keep to
// what PostgreSQL takes as well: TEXT, INTEGER and BIGINT columns, numbered
// parameters ($1), times as Unix microseconds, no now() and no operators of one
// dialect. The tables belong to the packages that use them; they hand their
// migrations to Open.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"rekey"
)

// readers is how many transactions may read at the same time.
const readers = 4

// busy is how long a connection waits for another process that writes. On a slow
// disk that takes seconds, and SQLite keeps no turn among those who wait.
const busy = time.Minute

// DB is one database: a pool with one connection that writes, so that writers
// queue in the program instead of failing in the file, and a pool that reads.
type DB struct {
	path           string
	writer, reader *sql.DB
}

// Open opens the SQLite file and applies the migrations that it lacks: goose
// files (00001_name.sql) in the root of migrations. A missing file is created
// with mode 0600. Errors wrap rekey.ErrStorage.
func Open(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	d := &DB{path: path}
	if err := d.open(ctx, migrations); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: open database %s: %w", rekey.ErrStorage, path, err), d.Close())
	}
	return d, nil
}

func (d *DB) open(ctx context.Context, migrations fs.FS) error {
	// SQLite would create the file readable by others; its -wal and -shm files
	// take over the mode that they find.
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if d.writer, err = connect(d.path, "_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"); err != nil {
		return err
	}
	d.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, d.writer, migrations); err != nil {
		return err
	}
	if d.reader, err = connect(d.path, "_pragma=query_only(1)"); err != nil {
		return err
	}
	d.reader.SetMaxOpenConns(readers)
	return d.reader.PingContext(ctx)
}

func connect(path, options string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{
		Scheme:   "file",
		Path:     filepath.ToSlash(abs),
		RawQuery: fmt.Sprintf("_pragma=busy_timeout(%d)&%s", busy.Milliseconds(), options),
	}
	c, err := newKeeping(dsn.String())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

func migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	return nil
}

// Close ends both pools.
func (d *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{d.reader, d.writer} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}

// Tx runs fn in a transaction that writes. It holds the database's one write
// lock from its start, so what fn reads cannot change before what it writes is
// on stable storage. An error of fn rolls everything back and is returned as it is.
func (d *DB) Tx(ctx context.Context, fn func(*sql.Tx) error) error {
	return d.run(ctx, d.writer, fn)
}

// Read runs fn in a transaction that sees one state of the database and cannot write.
func (d *DB) Read(ctx context.Context, fn func(*sql.Tx) error) error {
	return d.run(ctx, d.reader, fn)
}

func (d *DB) run(ctx context.Context, pool *sql.DB, fn func(*sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%w: begin on database %s: %w", rekey.ErrStorage, d.path, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: commit on database %s: %w", rekey.ErrStorage, d.path, err)
	}
	return nil
}

// Scan reads the columns of one row, as sql.Rows.Scan does.
type Scan func(into ...any) error

// All runs a query and reads every row of its result with read.
func All[T any](ctx context.Context, tx *sql.Tx, read func(Scan) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// IsDuplicate reports whether a statement failed because a primary key or a
// unique column already has that value.
func IsDuplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// IsCheck reports whether a statement failed because a CHECK of the schema forbids the row.
func IsCheck(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_CHECK
}

// Micros is how a time is stored: Unix microseconds, and 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time reads what Micros wrote, in UTC.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite" // registers the driver "sqlite", too
)

// kept is how many statements a connection keeps. The parts of rekey have fewer;
// what a search puts together in more ways is parsed each time.
const kept = 300

// keeping opens connections that keep the statements that they have parsed. To
// parse one takes longer than to run it: a row is read by its key, and the desk
// reads a dozen for each page.
type keeping struct{ driver.Connector }

// Connect implements driver.Connector.
func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := c.(conn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the database's driver %T lacks what a connection is used for", c), c.Close())
	}
	return &keeper{conn: whole, all: map[string]*statement{}}, nil
}

func newKeeping(dsn string) (keeping, error) {
	c, err := sqlite.NewConnector(dsn)
	return keeping{c}, err
}

// conn is all that database/sql asks of a connection.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keeper is one connection. database/sql calls it, its statements and their rows
// from one goroutine at a time.
type keeper struct {
	conn
	all map[string]*statement // by their text
}

// parsed is all that is asked of a statement.
type parsed interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// statement is a parsed one; busy, while rows of it are read.
type statement struct {
	parsed
	busy bool
}

// Close lets go of the statements first.
func (k *keeper) Close() error {
	var errs []error
	for _, s := range k.all {
		errs = append(errs, s.Close())
	}
	clear(k.all)
	return errors.Join(errors.Join(errs...), k.conn.Close())
}

// take is the parsed statement; nil for one that is not kept, or is in use by
// rows that are still read.
func (k *keeper) take(ctx context.Context, query string) (*statement, error) {
	if s := k.all[query]; s != nil {
		if s.busy {
			return nil, nil
		}
		return s, nil
	}
	if len(k.all) >= kept || !keeps(query) {
		return nil, nil
	}
	prepared, err := k.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	whole, ok := prepared.(parsed)
	if !ok {
		return nil, prepared.Close()
	}
	s := &statement{parsed: whole}
	k.all[query] = s
	return s, nil
}

// keeps tells statements on rows from those that change the schema, or the
// connection.
func keeps(query string) bool {
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	switch strings.ToUpper(verb) {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		return true
	}
	return false
}

// ExecContext implements driver.ExecerContext.
func (k *keeper) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := k.take(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.conn.ExecContext(ctx, query, args)
	}
	return s.ExecContext(ctx, args)
}

// QueryContext implements driver.QueryerContext.
func (k *keeper) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := k.take(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.conn.QueryContext(ctx, query, args)
	}
	found, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return rows{found, s}, nil
}

// rows free their statement when they are closed.
type rows struct {
	driver.Rows
	of *statement
}

// Close implements driver.Rows.
func (r rows) Close() error {
	r.of.busy = false
	return r.Rows.Close()
}

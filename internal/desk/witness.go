package desk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rekey"
	"rekey/seclog"
)

// LogCheckpoint is where the security log stands, signed. Whoever keeps it away
// from the desk can later see that the log still begins with the same records.
type LogCheckpoint struct {
	Signed  string `json:"signed"` // as it is kept, a signed note
	Key     string `json:"key"`    // to check the signature with; it is not secret
	Origin  string `json:"origin"`
	Records int64  `json:"records"`
	Root    string `json:"root"`
}

// LogCheckpoint is the newest checkpoint.
func (d *Desk) LogCheckpoint(ctx context.Context, who Agent) (c LogCheckpoint, err error) {
	err = d.perform(ctx, who, ActLogVerify, target{object: "checkpoint"}, func() error {
		c, err = d.readCheckpoint()
		return err
	})
	return c, err
}

func (d *Desk) readCheckpoint() (LogCheckpoint, error) {
	dir := os.DirFS(filepath.Join(d.dir, LogDir))
	key, err := seclog.ReadKey(dir)
	if err != nil {
		return LogCheckpoint{}, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	signed, err := seclog.ReadCheckpoint(dir)
	if err != nil {
		return LogCheckpoint{}, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	now, err := seclog.OpenCheckpoint(signed, key)
	if err != nil {
		return LogCheckpoint{}, fmt.Errorf("%w: %w", rekey.ErrVerify, err)
	}
	return checkpointOf(signed, key, now), nil
}

func checkpointOf(signed []byte, key string, c seclog.Checkpoint) LogCheckpoint {
	return LogCheckpoint{Signed: string(signed), Key: key, Origin: c.Origin, Records: c.Size, Root: c.Root.String()}
}

// LogCompared is an earlier checkpoint, held against the log of now.
type LogCompared struct {
	Earlier LogCheckpoint `json:"earlier"`
	Now     LogCheckpoint `json:"now"`
	Problem string        `json:"problem,omitempty"` // why the log is not a continuation; empty = it is
}

// CompareLog tells whether the log of now begins with all that stood in it at
// an earlier checkpoint. What is no checkpoint of this log's key is rekey.ErrInput:
// a forged one and one of another log look alike.
func (d *Desk) CompareLog(ctx context.Context, who Agent, earlier string) (c LogCompared, err error) {
	err = d.perform(ctx, who, ActLogVerify, target{object: "earlier checkpoint"}, func() error {
		if c.Now, err = d.readCheckpoint(); err != nil {
			return err
		}
		old, err := seclog.OpenCheckpoint([]byte(earlier), c.Now.Key)
		if err != nil {
			return refuse(rekey.ErrInput, "that is no checkpoint that this log has signed: paste all of it, with the line that begins with a dash; if it is all there, either it is of another log, or this one is not the log that you saw then")
		}
		c.Earlier = checkpointOf([]byte(earlier), c.Now.Key, old)
		return c.compare(os.DirFS(filepath.Join(d.dir, LogDir)), old.Size)
	})
	return c, err
}

func (c *LogCompared) compare(dir fs.FS, size int64) error {
	if size > c.Now.Records {
		c.Problem = fmt.Sprintf("then the log had %d records, now it has %d: records are gone, or an old copy was put back", size, c.Now.Records)
		return nil
	}
	proof, err := seclog.ProveConsistency(dir, size)
	if err == nil {
		_, err = seclog.CheckConsistency(proof, []byte(c.Earlier.Signed), c.Now.Key)
	}
	if errors.Is(err, seclog.ErrTampered) {
		c.Problem, err = err.Error(), nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return nil
}

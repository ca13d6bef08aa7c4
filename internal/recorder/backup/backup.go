// Package backup copies recordings out of the recorder onto a USB drive, which
// is a folder here: chosen channels and a stretch of time, one backup at a time.
//
// What lies on the drive is whole or ends in .part, whenever the power goes or
// the drive is pulled out; the same backup again keeps what is right and goes on
// with the rest. Nothing on the drive is believed: what is there is compared with
// the recording itself, and no link leads out of the drive.
//
// At the end the folder holds a manifest in the format of rekey's own exports, so
// that the same program reads both; beside the folder lies the proof that the
// recorder has the manifest's hash in its security log.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

// Footage is where the recordings come from. Sealed ones are refused with
// rekey.ErrDenied.
type Footage interface {
	Find(channel int, from, to time.Time) ([]clips.Clip, error)
	Open(path string) (io.ReadSeekCloser, clips.Clip, error)
}

// Choice is what is to be copied: the recordings of the channels that overlap
// [From, To), each as a whole. Times are the recorder's wall clock.
type Choice struct {
	Channels []int     `json:"channels"` // from 1, ascending
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
}

func (c Choice) check(channels int) error {
	switch {
	case len(c.Channels) == 0:
		return fmt.Errorf("%w: a backup of no channel; choose at least one", rekey.ErrInput)
	case !slices.IsSorted(c.Channels) || len(slices.Compact(slices.Clone(c.Channels))) != len(c.Channels) || c.Channels[0] < 1 || c.Channels[len(c.Channels)-1] > channels:
		return fmt.Errorf("%w: channels of a backup; expected each once, ascending, from 1 to %d", rekey.ErrInput, channels)
	case !c.From.Before(c.To):
		return fmt.Errorf("%w: a backup that ends before it begins", rekey.ErrInput)
	}
	return nil
}

// Order is who wants what copied.
type Order struct {
	Account string
	// May refuses once the account may not take recordings away any more. It is
	// asked again and again while they are copied.
	May func() error
	Choice
}

// Phase is how far a backup has come.
type Phase string

// The phases of a backup.
const (
	Copying   Phase = "copying"
	Done      Phase = "done"
	Failed    Phase = "failed"
	Cancelled Phase = "cancelled"
)

// State is what there is to tell of a backup.
type State struct {
	Phase     Phase
	Account   string
	Choice    Choice
	Folder    string // on the drive, with slashes
	Files     int    // to be copied, without those left out
	FilesDone int
	Kept      int // of those done: were there already, and right
	Bytes     int64
	BytesDone int64
	Rate      float64       // bytes a second
	Left      time.Duration // at this rate; 0 = not known yet
	LeftOut   []LeftOut
	Manifest  string // SHA-256 of the manifest, in hex; once it is done
	Err       error  // why it failed
}

// ErrBusy refuses a second backup beside the one that runs.
var ErrBusy = fmt.Errorf("%w: a backup is running; wait until it is done, or cancel it", rekey.ErrConflict)

// Copier makes the backups of one recorder. Its methods may be called from many
// goroutines; Run does the work.
type Copier struct {
	box     *recorder.Box
	footage Footage
	drive   Drive
	orders  chan *run

	mu  sync.Mutex
	run *run // the newest; nil = none since the recorder was switched on

	step func(name string) // tests pull the power between two steps; else nil
}

// New makes a copier that has nothing to do yet.
func New(box *recorder.Box, footage Footage, drive Drive) *Copier {
	return &Copier{box: box, footage: footage, drive: drive, orders: make(chan *run, 1), step: func(string) {}}
}

// Drive is the drive that it copies to.
func (c *Copier) Drive() Drive { return c.drive }

// Run makes the backups that are started, one after the other, until ctx ends.
func (c *Copier) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-c.orders:
			c.make(ctx, r)
		}
	}
}

// Amount is how much a choice comes to.
type Amount struct {
	Files int
	Bytes int64
}

// Measure tells how much a choice comes to.
func (c *Copier) Measure(choice Choice) (Amount, error) {
	list, err := c.find(choice)
	if err != nil {
		return Amount{}, err
	}
	return amountOf(list), nil
}

func amountOf(list []clips.Clip) Amount {
	a := Amount{Files: len(list)}
	for _, clip := range list {
		a.Bytes += clip.Size
	}
	return a
}

// find lists the recordings of a choice by channel, then time.
func (c *Copier) find(choice Choice) ([]clips.Clip, error) {
	if err := choice.check(c.box.Info().Channels); err != nil {
		return nil, err
	}
	var list []clips.Clip
	for _, channel := range choice.Channels {
		found, err := c.footage.Find(channel, choice.From, choice.To)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// Start begins a backup. What can be told before anything is written is told
// here: a right that is missing, ErrNoDrive, *NoRoomError, ErrBusy, and
// rekey.ErrNotFound where the choice holds no recording.
func (c *Copier) Start(o Order) error {
	if err := o.May(); err != nil {
		return err
	}
	list, err := c.find(o.Choice)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: there is no recording of these channels in this time", rekey.ErrNotFound)
	}
	folder := folderOf(c.box.Info(), o.Choice)
	if err := c.drive.checkRoom(folder, list); err != nil {
		return err
	}
	amount := amountOf(list)
	r := &run{order: o, list: list, folder: folder, began: time.Now(), state: State{
		Phase: Copying, Account: o.Account, Choice: o.Choice, Folder: folder, Files: amount.Files, Bytes: amount.Bytes,
	}}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != nil && c.run.tell().Phase == Copying {
		return ErrBusy
	}
	if err := c.box.Record("backup.start", o.Account, folder, "begun", detailOf(o.Choice, amount)); err != nil {
		return err
	}
	c.run = r
	c.orders <- r // there is room: none runs
	return nil
}

// State tells of the newest backup; ok is false when there was none since the
// recorder was switched on.
func (c *Copier) State() (s State, ok bool) {
	c.mu.Lock()
	r := c.run
	c.mu.Unlock()
	if r == nil {
		return State{}, false
	}
	return r.tell(), true
}

// Cancel ends the backup that runs. What was copied stays on the drive.
func (c *Copier) Cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != nil {
		c.run.cancel()
	}
}

// errCancelled is how a backup ends that somebody did not want any more.
var errCancelled = errors.New("cancelled")

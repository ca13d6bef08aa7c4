package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"rekey"
)

// ChannelChange is a camera whose state changed with the password: dark is one
// that was online before and is not after.
type ChannelChange struct {
	Number  int    `json:"number"`
	Name    string `json:"name,omitempty"`
	Before  bool   `json:"before"` // online
	After   bool   `json:"after"`
	Why     string `json:"why,omitempty"`     // as the recorder says it, where it is not online
	Account string `json:"account,omitempty"` // that the recorder logs in with at the camera
}

// compareChannels are the cameras whose state changed. One that is not listed
// any more is not online.
func compareChannels(before, after []rekey.Channel) []ChannelChange {
	var changes []ChannelChange
	for _, was := range before {
		i := slices.IndexFunc(after, func(c rekey.Channel) bool { return c.Number == was.Number })
		now := rekey.Channel{Number: was.Number, Name: was.Name, Account: was.Account, Why: "the recorder does not list it any more"}
		if i >= 0 {
			now = after[i]
		}
		if was.Online != now.Online {
			changes = append(changes, ChannelChange{Number: was.Number, Name: now.Name, Before: was.Online, After: now.Online, Why: now.Why, Account: now.Account})
		}
	}
	return changes
}

func (c ChannelChange) words(host string) string {
	name := fmt.Sprintf("camera %d", c.Number)
	if c.Name != "" {
		name += fmt.Sprintf(" %q", c.Name)
	}
	if c.After {
		return name + " is online again"
	}
	as := ""
	if c.Account != "" {
		as = fmt.Sprintf(" as %q", c.Account)
	}
	return fmt.Sprintf("%s went dark (%s); the recorder logs in there%s with a password that it keeps: set it with 'rekey cameras %s --set %d'", name, c.Why, as, host, c.Number)
}

// cameras compares the cameras with how the plan saw them.
func (u *run) cameras(ctx context.Context, w *watched) error {
	after, err := u.channels(ctx)
	if errors.Is(err, rekey.ErrUnsupported) {
		return nil
	}
	if err != nil {
		w.Notes = append(w.Notes, fmt.Sprintf("the cameras could not be looked at after the change: %v", err))
		return nil
	}
	w.Channels = compareChannels(u.plan.Channels, after)
	for _, c := range w.Channels {
		state := "dark"
		if c.After {
			state = "online"
		}
		number := strconv.Itoa(c.Number)
		if err := u.record(ctx, "camera.changed", "channel "+number, state, map[string]string{"why": clip(c.Why)}); err != nil {
			return err
		}
		u.tell(rekey.StepWatch, rekey.EventProgress, c.words(u.req.Target.String()), map[string]string{"channel": number, "state": state, "account": c.Account})
	}
	if len(u.plan.Channels) == 0 { // there was no login before the change
		for _, c := range after {
			if !c.Online {
				w.Notes = append(w.Notes, fmt.Sprintf("camera %d is not online (%s); how it was before the change is not known", c.Number, c.Why))
			}
		}
	}
	return nil
}

// Channels tells the cameras behind a recorder. Of the request it takes Target,
// Login and Accept. ErrUnsupported: the recorder does not tell.
func (r *Runner) Channels(ctx context.Context, req Request) ([]rekey.Channel, error) {
	u, err := r.enter(ctx, req)
	if err != nil {
		return nil, err
	}
	defer u.close(ctx)
	return u.channels(ctx)
}

func (u *run) channels(ctx context.Context) ([]rekey.Channel, error) {
	lister, ok := u.session.(rekey.ChannelLister)
	if !ok {
		return nil, fmt.Errorf("%w: the driver for family %q reads no cameras", rekey.ErrUnsupported, u.driver.Family())
	}
	all, err := lister.Channels(ctx)
	all = slices.Clone(all[:min(len(all), mostChannels)])
	for n := range all {
		c := &all[n]
		c.Name, c.Address, c.Account, c.Why = clip(c.Name), clip(c.Address), clip(c.Account), clip(c.Why)
	}
	return all, err
}

// mostChannels is how many cameras are looked at: more than any recorder has.
const mostChannels = 512

// SetChannelLogin has the recorder log in with l at one camera from now on, and
// waits a little for the camera to come back. The channel is returned as it is
// then: not online is no error. Of the request it takes Target, Login and Accept.
// The errors are those of rekey.ChannelLoginSetter.
func (r *Runner) SetChannelLogin(ctx context.Context, req Request, channel int, l rekey.Login) (rekey.Channel, error) {
	if channel < 1 || l.Account == "" || l.Password.IsZero() {
		return rekey.Channel{}, fmt.Errorf("%w: the login of a camera wants its channel, counted from 1, an account and a password", rekey.ErrInput)
	}
	u, err := r.enter(ctx, req)
	if err != nil {
		return rekey.Channel{}, err
	}
	defer u.close(ctx)
	setter, ok := u.session.(rekey.ChannelLoginSetter)
	if !ok {
		return rekey.Channel{}, fmt.Errorf("%w: the driver for family %q sets no login of a camera", rekey.ErrUnsupported, u.driver.Family())
	}
	object, detail := "channel "+strconv.Itoa(channel), map[string]string{"account": clip(l.Account)}
	if err := u.record(ctx, "camera.login.intended", object, "ok", detail); err != nil {
		return rekey.Channel{}, err
	}
	err = setter.SetChannelLogin(ctx, channel, l)
	if recErr := u.record(ctx, "camera.login.set", object, result(err), detail); recErr != nil || err != nil {
		return rekey.Channel{}, errors.Join(err, recErr)
	}
	return u.comesBack(ctx, channel)
}

// comesBack looks at a camera, more and more seldom, until it is online.
func (u *run) comesBack(ctx context.Context, channel int) (rekey.Channel, error) {
	const patience, seldom = 20 * time.Second, 2 * time.Second
	pause := 100 * time.Millisecond
	for end := time.Now().Add(patience); ; pause = min(2*pause, seldom) {
		all, err := u.channels(ctx)
		if err != nil {
			return rekey.Channel{}, fmt.Errorf("the login of camera %d is set, and how it is now cannot be told: %w", channel, err)
		}
		i := slices.IndexFunc(all, func(c rekey.Channel) bool { return c.Number == channel })
		if i < 0 {
			return rekey.Channel{}, fmt.Errorf("%w: the recorder lists no camera at channel %d any more", rekey.ErrNotFound, channel)
		}
		if all[i].Online || time.Now().Add(pause).After(end) {
			return all[i], nil
		}
		select {
		case <-ctx.Done():
			return all[i], ctx.Err()
		case <-time.After(pause):
		}
	}
}

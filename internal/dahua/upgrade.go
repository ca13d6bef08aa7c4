package dahua

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

const actionUpgrade = "getState"

// Upgrading tells whether firmware is being written: by RPC2 with the upgrader and
// the one of the cloud, else by CGI. No login at the CGI is made for it: what is
// asked before a change may not cost a try more. ErrUnsupported: it does not tell.
func (s *session) Upgrading(ctx context.Context) (yes bool, said string, err error) {
	var u upgrade
	if s.rpc != nil {
		u, err = s.upgradeByRPC(ctx)
	}
	if s.rpc == nil || (absent(err) && s.hasCGI()) {
		u, err = s.upgradeByCGI(ctx)
	}
	return u.busy(), u.said(), s.plainly(err, "whether it is being upgraded")
}

// hasCGI reports whether a login at the CGI has been made already.
func (s *session) hasCGI() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cgi != nil
}

// upgradeByRPC asks both upgraders. One that is busy, or that alone tells, is enough.
func (s *session) upgradeByRPC(ctx context.Context) (upgrade, error) {
	var told upgrade
	var refused error
	for _, module := range []string{"upgrader", "CloudUpgrader"} {
		row := map[string]string{}
		params, err := s.rpc.instanced(ctx, module, actionUpgrade)
		if err == nil {
			err = flatten(params, "", row)
		}
		switch u := readUpgrade(row); {
		case err != nil && !absent(err):
			return upgrade{}, err
		case err != nil:
			refused = err
		case u.busy():
			return u, nil
		case !told.known():
			told = u
		}
	}
	return told, told.orUntold(s.at.Address(), refused)
}

func (s *session) upgradeByCGI(ctx context.Context) (upgrade, error) {
	c, err := s.web(ctx)
	if err != nil {
		return upgrade{}, err
	}
	l, err := c.values(ctx, "upgrader.cgi", actionUpgrade)
	u := readUpgrade(l)
	return u, u.orUntold(c.host(), err)
}

// upgrade is what an upgrader tells of itself.
type upgrade struct {
	words    []string
	progress string // per cent
}

// readUpgrade takes State and Progress from wherever they are.
func readUpgrade(row map[string]string) (u upgrade) {
	for _, path := range slices.Sorted(maps.Keys(row)) {
		value := strings.TrimSpace(row[path])
		switch strings.ToLower(path[strings.LastIndexByte(path, '.')+1:]) {
		case "state":
			if value != "" {
				u.words = append(u.words, value)
			}
		case "progress":
			u.progress = value
		}
	}
	return u
}

func (u upgrade) known() bool { return len(u.words) > 0 || u.progress != "" }

// orUntold is why nothing is known; nil where something is.
func (u upgrade) orUntold(host string, refused error) error {
	switch {
	case u.known():
		return nil
	case refused != nil:
		return refused
	}
	return untold(host, actionUpgrade, "no state in it")
}

// The words of upgraders are not documented. The first ones say that nothing is
// being written, the others that something is; any other word does not say so.
var (
	upgradeRests = regexp.MustCompile(`^No[A-Z]|(?i:^(none|idle|not|no[ _])|fail|succe|cancel|finish|complet|invalid|enough)`)
	upgradeWorks = regexp.MustCompile(`(?i)(upgrad|updat|download|upload|writ|flash|burn|eras|prepar|verify|install|receiv|unpack|reboot|restart)ing|in ?progress|running`)
)

// busy reports whether firmware is being written, or fetched to be written.
func (u upgrade) busy() bool {
	if len(u.words) == 0 {
		n, ok := whole(u.progress)
		return ok && n > 0 && n < 100
	}
	return slices.ContainsFunc(u.words, func(word string) bool {
		return upgradeWorks.MatchString(word) && !upgradeRests.MatchString(word)
	})
}

// said is in the recorder's words.
func (u upgrade) said() string {
	all := u.words
	if n, ok := whole(u.progress); ok {
		all = append(slices.Clip(all), fmt.Sprintf("%d %%", n))
	}
	return transport.Printable(strings.Join(all, ", "))
}

var _ rekey.UpgradeReader = (*session)(nil)

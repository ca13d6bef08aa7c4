package dahua

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"rekey"
)

// Firmware reads version and build date. RPC2 tells both; so does CGI, in one
// line or two.
func (s *session) Firmware(ctx context.Context) (version string, built time.Time, err error) {
	const what = "getSoftwareVersion"
	date := ""
	err = s.either(ctx,
		func(r *rpc) error {
			answer, err := r.call(ctx, "magicBox.getSoftwareVersion", nil)
			if err != nil {
				return err
			}
			var told struct {
				Version struct{ Version, BuildDate string }
			}
			err = r.read(what, answer, &told)
			version, date = told.Version.Version, told.Version.BuildDate
			return err
		},
		func(c *cgi) error {
			l, err := c.get(ctx, "magicBox.cgi", "action", what)
			version, date = l["version"], l["build"]
			return err
		})
	if err != nil {
		return "", time.Time{}, err
	}
	if version, built = readVersion(version, date); built.IsZero() {
		return version, built, fmt.Errorf("%w: %s tells no build date of its firmware", rekey.ErrUnsupported, s.at.Address())
	}
	return version, built, nil
}

// buildMark begins the build date within a version.
var buildMark = regexp.MustCompile(`(?i)[,; ]+build(?: ?date)?[:= ]+`)

// readVersion takes "4.001.0000005.0,build:2020-11-17" apart: a blank may stand
// in place of the comma, a time behind the date, and the date beside the version
// instead of in it. The zero time: no date was told.
func readVersion(version, date string) (string, time.Time) {
	if at := buildMark.FindStringIndex(version); at != nil {
		version, date = version[:at[0]], version[at[1]:]
	}
	day, _, _ := strings.Cut(strings.TrimSpace(date), " ")
	for _, form := range []string{"2006-1-2", "20060102"} {
		if built, err := time.Parse(form, day); err == nil {
			return clean(version), built
		}
	}
	return clean(version), time.Time{}
}

var _ rekey.FirmwareReader = (*session)(nil)

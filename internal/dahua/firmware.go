package dahua

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rekey"
)

// Firmware reads version and build date. RPC2 tells both; CGI tells
// "4.001.0000005.0,build:2020-11-17", with a time behind it on some firmware.
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
			version, date, _ = strings.Cut(l["version"], ",build:")
			return err
		})
	if err != nil {
		return "", time.Time{}, err
	}
	date, _, _ = strings.Cut(strings.TrimSpace(date), " ")
	if built, err = time.Parse("2006-1-2", date); err != nil {
		return clean(version), time.Time{}, fmt.Errorf("%w: %s tells no build date of its firmware", rekey.ErrUnsupported, s.at.Address())
	}
	return clean(version), built, nil
}

var _ rekey.FirmwareReader = (*session)(nil)

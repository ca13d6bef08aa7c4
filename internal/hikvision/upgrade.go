package hikvision

import (
	"context"
	"fmt"
	"strings"

	"rekey"
)

// pathUpgrade tells how far an upgrade has come.
const pathUpgrade = "/ISAPI/System/upgradeStatus"

// Upgrading tells whether firmware is being written. The names of what is in the
// answer are known from clients alone. ErrUnsupported: it does not tell.
func (s *session) Upgrading(ctx context.Context) (yes bool, said string, err error) {
	r, err := s.get(ctx, pathUpgrade, "upgradeStatus")
	if err != nil {
		return false, "", s.plainly(err, "whether it is being upgraded")
	}
	yes, said, told := readUpgrade(r)
	if !told {
		return false, "", fmt.Errorf("%w: %s does not tell whether it is being upgraded", rekey.ErrUnsupported, s.at.Address())
	}
	return yes, said, nil
}

// readUpgrade takes the switch, and where there is none, a percentage between the
// beginning and the end.
func readUpgrade(r *node) (yes bool, said string, told bool) {
	yes, told = r.on("upgrading")
	percent, counted := r.number(100, "percent")
	if told {
		said = "upgrading " + r.value("upgrading")
	} else {
		yes = counted && percent > 0 && percent < 100
	}
	if counted && (yes || !told) {
		said = strings.TrimSpace(fmt.Sprintf("%s %d %%", said, percent))
	}
	return yes, said, told || counted
}

var _ rekey.UpgradeReader = (*session)(nil)

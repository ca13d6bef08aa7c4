package seat

import (
	"strings"
	"testing"
)

// TestLockedScreenLeadsToTheFront: from the screen that waits for the owner one
// gets back to the front of the box, as from the first set-up.
func TestLockedScreenLeadsToTheFront(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.switchOn(t, n.owner(t))
	n.resetByButton(t)
	p := n.owner2(t)
	p.json = false
	if p.get("/"); p.got.path != activatePath || !strings.Contains(p.got.body, `href="/panel"`) {
		t.Errorf("no way from %s to the front panel", p.got.path)
	}
}

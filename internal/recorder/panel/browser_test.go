package panel_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder/panel"
	"rekey/internal/rekeytest/browser"
)

// TestButtonWayByMouse is the mission's button way: somebody at the screen, who
// has a mouse and no password, holds the reset button, sees the light, presses
// again, and makes the first set-up at the monitor.
func TestButtonWayByMouse(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	tab := chromium.Tab(t)
	g.sitDown(tab)
	tab.AwaitText("The recorder is on.")
	tab.Wants("It keeps recordings, but sealed", "the cloud link", "comes back locked")
	shown(t, tab, "on")

	tab.MouseDown("#reset")
	tab.AwaitText("The button is held. Let go now, and nothing happens.")
	g.pass(6 * time.Second)
	tab.AwaitText("Warning: hold on to reset.")
	tab.AwaitText("Reset held for 6 s.")
	shown(t, tab, "warning")
	const blinks = `getComputedStyle(document.querySelector(".led[data-shows=warning]")).animationName`
	if got := tab.Eval(blinks); got != "none" {
		t.Errorf("somebody who wants no motion sees %s", got)
	}
	tab.Moving = true
	tab.Look(browser.Desktop)
	if got := tab.Eval(blinks); got != "blink" {
		t.Errorf("the warning does not blink: %s", got)
	}
	tab.Moving = false
	tab.Look(browser.Desktop)
	g.pass(5 * time.Second)
	tab.AwaitText("Let go now to arm the reset.")
	shown(t, tab, "let-go")
	tab.MouseUp("#reset")
	tab.AwaitText("Armed.")
	tab.AwaitText("10 s left for the second press.")
	shown(t, tab, "armed")
	tab.MouseDown("#reset")
	tab.AwaitText("Let go now, and the recorder is reset.")
	g.pass(time.Second)
	tab.MouseUp("#reset")
	tab.AwaitText("The recorder was reset.")
	shown(t, tab, "reset")
	if g.Box().Initialised() {
		t.Error("the recorder is not in factory state")
	}
	tab.Press("Monitor")
	if got := tab.Path(); got != "/setup" {
		t.Errorf("the monitor shows %s", got)
	}
}

// TestPowerByMouse: the power button, held short and long, and what the monitor
// shows meanwhile.
func TestPowerByMouse(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	tab := chromium.Tab(t)
	g.sitDown(tab)
	tab.MouseDown("#power")
	tab.AwaitText("The power button is held.")
	tab.MouseUp("#power")
	tab.AwaitText("Switched off in an orderly way.")
	shown(t, tab, "off")
	tab.Press("Monitor")
	tab.Wants("No signal")
	shown(t, tab, "no-signal")
	tab.Press("Front panel")
	tab.MouseDown("#power")
	tab.AwaitText("The power button is held.")
	tab.MouseUp("#power")
	tab.AwaitText("Switched on.")
	tab.MouseDown("#power")
	tab.AwaitText("The power button is held.")
	g.pass(5 * time.Second)
	tab.AwaitText("Let go now, and the power is cut")
	tab.MouseUp("#power")
	tab.AwaitText("The power is cut: nothing was put away.")
	tab.Tick("#switch")
	tab.AwaitText("Switched on.")
	tab.Tick("#plug")
	tab.AwaitText("The power is cut: nothing was put away.")
	if g.on() {
		t.Error("it is on without a plug")
	}
}

// TestHandsThatCannotHold: two ordinary buttons do it, with the keyboard, too,
// and so does a key that is held.
func TestHandsThatCannotHold(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	tab := chromium.Tab(t)
	g.sitDown(tab)
	tab.Tick("#hold")
	tab.AwaitText("The button is held.")
	g.pass(12 * time.Second)
	tab.Tick("#let-go")
	tab.AwaitText("Armed.")
	tab.Focus("#reset")
	tab.KeyDown(" ")
	tab.AwaitText("Let go now, and the recorder is reset.")
	tab.KeyUp(" ")
	tab.AwaitText("The recorder was reset.")

	// A key that is not let go in this window never is.
	tab.KeyDown(browser.Enter)
	tab.AwaitText("The button is held.")
	tab.Focus("#power")
	tab.KeyUp(browser.Enter)
	g.pass(16 * time.Second)
	tab.AwaitText("so cancelled")
}

// TestLetGoAtOnce: who lets go before the press is answered lets go of that
// press, and not of none.
func TestLetGoAtOnce(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	tab := chromium.Tab(t)
	g.sitDown(tab)
	tab.Eval(`["hold", "let-go"].map((id) => document.getElementById(id).click()).join()`)
	tab.AwaitText("Let go within 5 seconds: nothing happened.")
	if wrong := tab.Eval(`document.getElementById("trouble").innerText`); wrong != "" {
		t.Errorf("the page complains: %s", wrong)
	}
}

// TestLateAnswer: an answer that comes after newer news does not bring the old
// state back.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	another := g.inFront()
	tab := chromium.Tab(t)
	g.sitDown(tab)
	tab.Eval(`(() => {
		const said = document.getElementById("said"), right = window.fetch;
		window.heard = "";
		new MutationObserver(() => window.heard += said.textContent).observe(said, {childList: true, characterData: true, subtree: true});
		window.fetch = async (...asked) => {
			const answer = await right(...asked);
			await new Promise((go) => window.goOn = go);
			return answer;
		};
		return "";
	})()`)
	tab.Tick("#switch")
	tab.AwaitText("Switched off in an orderly way.")
	another.post("/panel/power", "to", "on").is(http.StatusOK, "panel")
	tab.AwaitText("Switched on.")
	tab.Eval(`(window.heard = "", window.goOn(), "")`)
	tab.Tick("#hold") // after the first form's answer
	tab.AwaitText("The button is held.")
	if heard := tab.Eval(`window.heard`); strings.Contains(heard, "Switched off") {
		t.Errorf("the page went back in time: %s", heard)
	}
}

// TestWithoutScript: two forms do the whole thing.
func TestWithoutScript(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	tab := chromium.Tab(t)
	g.sitDown(tab)
	tab.WithoutScript()
	tab.Open(g.Ready().Seat + "/panel")
	tab.Press("Press and hold")
	tab.Wants("The button is held.")
	g.pass(11 * time.Second)
	tab.Press("Look at the light again")
	tab.Wants("Let go now to arm the reset.", "Reset held for 11 s.")
	pictures(t, tab, "no-script")
	tab.Press("Let go")
	tab.Wants("Armed.")
	tab.Press("Press and hold")
	tab.Press("Let go")
	tab.Wants("The recorder was reset.")
	tab.Press("Switch off")
	tab.Wants("Switched off in an orderly way.")
	tab.Press("Power")
	tab.Wants("Switched on.")
	tab.Press("Pull the plug")
	tab.Wants("The power is cut")
}

// TestMonitorSeesThePower: the screen goes dark by itself when the power goes, and
// comes back with it.
func TestMonitorSeesThePower(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	tab := chromium.Tab(t)
	g.sitDown(tab)
	tab.Open(g.Ready().Seat + "/?view=4")
	tab.Wants("Live view")
	for _, step := range []struct {
		to   panel.Power
		want string
	}{{panel.Cut, "No signal"}, {panel.On, "Live view"}, {panel.Off, "No signal"}} {
		if err := g.Switch(step.to); err != nil {
			t.Fatal(err)
		}
		tab.AwaitText(step.want)
	}
}

// TestOtherWindowSees: what one window does, the other shows.
func TestOtherWindowSees(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	one, other := chromium.Tab(t), chromium.Tab(t)
	g.sitDown(one)
	g.sitDown(other)
	one.MouseDown("#reset")
	other.AwaitText("The button is held.")
	g.pass(7 * time.Second)
	other.AwaitText("Warning: hold on to reset.")
	other.MouseDown("#reset")
	other.AwaitText("held already, in another window")
	other.MouseUp("#reset")
	g.pass(4 * time.Second)
	one.AwaitText("Let go now to arm the reset.")
	one.MouseUp("#reset")
	other.AwaitText("Armed.")
}

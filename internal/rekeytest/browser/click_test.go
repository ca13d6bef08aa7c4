package browser

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestClickWhileThePageMoves: a button that what was typed pushes away under the
// mouse is clicked all the same, and once.
func TestClickWhileThePageMoves(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, `<!DOCTYPE html><html lang="en"><title>Moving</title><main><div id="room"></div><button>Hit</button> <span id="hits">0</span></main>
<div id="over" style="position:fixed;inset:300px 0 0 0">over</div><p id="under" style="position:fixed;top:320px">under</p><script>
let hits = 0, overs = 0;
document.querySelector("#over").style.zIndex = 1;
document.querySelector("button").onclick = () => { document.querySelector("#hits").textContent = ++hits; };
document.querySelector("#over").onclick = () => { overs++; };
setInterval(() => { room.style.height = Math.floor(performance.now() / 60) % 2 * 100 + "px"; }, 5);
</script></html>`)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })

	tab := Start(t).Tab(t)
	tab.Open("http://" + l.Addr().String())
	for range 30 {
		tab.Tick("button")
	}
	if got := tab.Text("#hits"); got != "30" {
		t.Errorf("30 clicks hit %s times", got)
	}
	if tab.Tick("#under"); tab.Eval(`String(overs)`) != "1" {
		t.Error("what lies over a thing does not get its click")
	}
}

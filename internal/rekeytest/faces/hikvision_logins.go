package faces

import (
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// seen puts somebody who logged in on the list. Digest has no logout, and nobody
// leaves this list.
func (h *HikvisionBox) seen(account, from string) {
	host, _, err := net.SplitHostPort(from)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.online[account] = host
}

// logins are the nodes of who is logged in and of the lock, as a recorder gave them.
func (h *HikvisionBox) logins(mux *http.ServeMux) {
	mux.HandleFunc("GET /ISAPI/Security/onlineUser", func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		all, n := "", 0
		for account, address := range h.online {
			all += fmt.Sprintf("<OnlineUser>\n<id>%d</id>\n<name>%s</name>\n<type>admin</type>\n<loginTime>%s</loginTime>\n<clientAddress><ipAddress>%s</ipAddress></clientAddress>\n</OnlineUser>\n",
				65536+n, account, time.Now().Format(time.DateTime), address)
			n++
		}
		answerXML(w, http.StatusOK, "OnlineUserList", all)
	})
	mux.HandleFunc("GET /ISAPI/Security/illegalLoginLock", func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		answerXML(w, http.StatusOK, "IllegalLoginLock", fmt.Sprintf("<enabled>%t</enabled>\n<maxIllegalLoginTimes>%d</maxIllegalLoginTimes>\n<maxIllegalLoginLockTime>%d</maxIllegalLoginLockTime>\n",
			h.lockOn, h.Keys.Limit(), int(h.lockFor.Seconds())))
	})
	mux.HandleFunc("PUT /ISAPI/Security/illegalLoginLock", h.setLock)
}

func (h *HikvisionBox) setLock(w http.ResponseWriter, r *http.Request) {
	var l struct {
		XMLName xml.Name
		Enabled *bool `xml:"enabled"`
		Times   *int  `xml:"maxIllegalLoginTimes"`
		Seconds *int  `xml:"maxIllegalLoginLockTime"`
	}
	body, _ := io.ReadAll(r.Body)
	if xml.Unmarshal(body, &l) != nil || l.XMLName.Local != "IllegalLoginLock" || l.Enabled == nil {
		responseStatus(w, r, http.StatusBadRequest, 6, "Invalid XML Content", "badXmlContent")
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lockOn = *l.Enabled
	if l.Times != nil {
		h.Keys.setLimit(*l.Times)
	}
	if l.Seconds != nil {
		h.lockFor = time.Duration(*l.Seconds) * time.Second
	}
	responseStatus(w, r, http.StatusOK, 1, "OK", "ok")
}

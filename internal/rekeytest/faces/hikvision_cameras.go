package faces

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// hikCamera is the camera that a box logs in to with its own password.
type hikCamera struct {
	password string  // what the camera takes
	own      *string // what the box was told to log in with there; nil: its own password
}

// hikChannel is a camera as the box lists it.
type hikChannel struct {
	XMLName  xml.Name
	ID       int     `xml:"id"`
	Name     string  `xml:"name"`
	Protocol string  `xml:"sourceInputPortDescriptor>proxyProtocol"`
	Address  string  `xml:"sourceInputPortDescriptor>ipAddress"`
	Port     int     `xml:"sourceInputPortDescriptor>managePortNo"`
	Input    int     `xml:"sourceInputPortDescriptor>srcInputPort"`
	Account  string  `xml:"sourceInputPortDescriptor>userName"`
	Password *string `xml:"sourceInputPortDescriptor>password"`
}

// cameras are the nodes of what is behind the box.
func (h *HikvisionBox) cameras(mux *http.ServeMux) {
	const path = "/ISAPI/ContentMgmt/InputProxy/channels"
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		answerXML(w, http.StatusOK, "InputProxyChannelList", h.channels("InputProxyChannel"))
	})
	mux.HandleFunc("GET "+path+"/status", func(w http.ResponseWriter, _ *http.Request) {
		answerXML(w, http.StatusOK, "InputProxyChannelStatusList", h.channels("InputProxyChannelStatus"))
	})
	mux.HandleFunc("GET "+path+"/{id}", func(w http.ResponseWriter, r *http.Request) { h.channel(w, r, "InputProxyChannel") })
	mux.HandleFunc("GET "+path+"/{id}/status", func(w http.ResponseWriter, r *http.Request) { h.channel(w, r, "InputProxyChannelStatus") })
	mux.HandleFunc("PUT "+path+"/{id}", h.setChannel)
}

func (h *HikvisionBox) channels(element string) string {
	var all strings.Builder
	for n := range h.count() {
		fmt.Fprintf(&all, "<%s>\n%s</%s>\n", element, h.inChannel(element, n+1), element)
	}
	return all.String()
}

func (h *HikvisionBox) count() int {
	if h.OwnCamera {
		return 3
	}
	return 2
}

func (h *HikvisionBox) channel(w http.ResponseWriter, r *http.Request, element string) {
	n, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || n < 1 || n > h.count() {
		responseStatus(w, r, http.StatusBadRequest, 4, "Invalid Operation", "invalidOperation")
		return
	}
	answerXML(w, http.StatusOK, element, h.inChannel(element, n))
}

func (h *HikvisionBox) inChannel(element string, n int) string {
	state := ""
	if element == "InputProxyChannelStatus" {
		result := h.detects(n)
		state = fmt.Sprintf("<online>%t</online>\n<chanDetectResult>%s</chanDetectResult>\n", result == "connect", result)
	}
	return fmt.Sprintf("<id>%d</id>\n<name>Camera %d</name>\n<sourceInputPortDescriptor><proxyProtocol>HIKVISION</proxyProtocol><addressingFormatType>ipaddress</addressingFormatType>"+
		"<ipAddress>192.168.254.%d</ipAddress><managePortNo>8000</managePortNo><srcInputPort>1</srcInputPort><userName>admin</userName></sourceInputPortDescriptor>\n%s", n, n, n+1, state)
}

// detects is what the box sees of a camera now.
func (h *HikvisionBox) detects(n int) string {
	if n == 2 {
		return "netUnreachable"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	with, _ := h.Keys.password("admin")
	if h.camera.own != nil {
		with = *h.camera.own
	}
	if n == 3 && with != h.camera.password {
		return "userOrPasswordError"
	}
	return "connect"
}

// setChannel wants the channel as it was read, with what shall be otherwise.
func (h *HikvisionBox) setChannel(w http.ResponseWriter, r *http.Request) {
	var c hikChannel
	body, _ := io.ReadAll(r.Body)
	n, err := strconv.Atoi(r.PathValue("id"))
	if r.TLS == nil {
		h.Keys.blame("a camera's password in the clear over HTTP")
	}
	switch {
	case err != nil || n < 1 || n > h.count():
		responseStatus(w, r, http.StatusBadRequest, 4, "Invalid Operation", "invalidOperation")
	case xml.Unmarshal(body, &c) != nil, c.XMLName.Local != "InputProxyChannel", c.ID != n, c.Account == "":
		responseStatus(w, r, http.StatusBadRequest, 6, "Invalid XML Content", "badXmlContent")
	default:
		if c.Address != fmt.Sprintf("192.168.254.%d", n+1) || c.Port != 8000 || c.Input != 1 || c.Protocol != "HIKVISION" || c.Name != fmt.Sprintf("Camera %d", n) {
			h.Keys.blame("a camera that is not as it was read: %d %q %q", c.ID, c.Name, c.Address)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if n == 3 {
			h.camera.own = c.Password
		}
		responseStatus(w, r, http.StatusOK, 1, "OK", "ok")
	}
}

package faces

import (
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rekey/internal/recorder/clips"
)

// hikPage is how many recordings one answer holds at most, fewer than real boxes
// give, so that a client has to go on.
const hikPage = 4

const (
	hikTime     = "2006-01-02T15:04:05Z"
	hikTimeInID = "20060102T150405Z"
)

type hikSearch struct {
	XMLName xml.Name
	ID      string   `xml:"searchID"`
	Tracks  []int    `xml:"trackList>trackID"`
	More    []int    `xml:"trackIDList>trackID"`
	From    []string `xml:"timeSpanList>timeSpan>startTime"`
	To      []string `xml:"timeSpanList>timeSpan>endTime"`
	Most    int      `xml:"maxResults"`
	Begin   int      `xml:"searchResultPostion"` // as the maker writes it
	Begin2  int      `xml:"searchResultPosition"`
}

// search are the nodes of recordings: tracks, which are numbered 100 a channel and
// 1 the main stream, the search, and the download.
func (h *HikvisionBox) search(mux *http.ServeMux) {
	mux.HandleFunc("GET /ISAPI/ContentMgmt/record/tracks", func(w http.ResponseWriter, _ *http.Request) {
		all := ""
		for n := range 2 {
			all += fmt.Sprintf("<Track>\n<id>%d01</id>\n<Channel>%d01</Channel>\n<Enable>true</Enable>\n<Description>trackType=standard</Description>\n</Track>\n", n+1, n+1)
		}
		answerXML(w, http.StatusOK, "TrackList", all)
	})
	mux.HandleFunc("POST /ISAPI/ContentMgmt/search", h.found)
	for _, method := range []string{"GET", "POST"} { // the maker's guide and its clients differ
		mux.HandleFunc(method+" /ISAPI/ContentMgmt/download", h.download)
	}
}

// found answers with what overlaps the time, page by page. Its times are the wall
// clock of the box, marked as UTC, which they are not.
func (h *HikvisionBox) found(w http.ResponseWriter, r *http.Request) {
	var s hikSearch
	body, _ := io.ReadAll(r.Body)
	err := xml.Unmarshal(body, &s)
	tracks := append(s.Tracks, s.More...)
	if err != nil || s.XMLName.Local != "CMSearchDescription" || s.ID == "" || len(tracks) == 0 || len(s.From) != 1 || len(s.To) != 1 {
		responseStatus(w, r, http.StatusBadRequest, 6, "Invalid XML Content", "badXmlContent")
		return
	}
	from, err1 := time.Parse(hikTime, s.From[0])
	to, err2 := time.Parse(hikTime, s.To[0])
	if err1 != nil || err2 != nil {
		responseStatus(w, r, http.StatusBadRequest, 6, "Invalid XML Content", "badXmlContent")
		return
	}
	var all []clips.Clip
	for _, track := range tracks {
		if track%100 == 1 {
			found, err := h.Footage.Find(track/100, from, to)
			if err != nil {
				responseStatus(w, r, http.StatusInternalServerError, 3, "Device Error", "deviceError")
				return
			}
			all = append(all, found...)
		}
	}
	begin := min(max(s.Begin, s.Begin2, 0), len(all))
	end := min(len(all), begin+min(max(s.Most, 1), hikPage))
	says := "OK"
	switch {
	case end < len(all):
		says = "MORE"
	case len(all) == 0:
		says = "NO MATCHES"
	}
	var items strings.Builder
	for _, c := range all[begin:end] {
		items.WriteString(matchItem(r, c))
	}
	answerXML(w, http.StatusOK, "CMSearchResult", fmt.Sprintf("<searchID>{%s}</searchID>\n<responseStatus>true</responseStatus>\n<responseStatusStrg>%s</responseStatusStrg>\n<numOfMatches>%d</numOfMatches>\n<matchList>\n%s</matchList>\n",
		strings.ToLower(html.EscapeString(s.ID)), says, end-begin, items.String()))
}

func matchItem(r *http.Request, c clips.Clip) string {
	host, _, _ := strings.Cut(r.Host, ":")
	uri := fmt.Sprintf("rtsp://%s/Streaming/tracks/%d01/?starttime=%s&endtime=%s&name=%s&size=%d", host, c.Channel, c.Start.Format(hikTimeInID), c.End.Format(hikTimeInID), hikName(c), c.Size)
	return fmt.Sprintf("<searchMatchItem>\n<sourceID>{00000000-0000-0000-0000-000000000000}</sourceID>\n<trackID>%d01</trackID>\n<timeSpan>\n<startTime>%s</startTime>\n<endTime>%s</endTime>\n</timeSpan>\n"+
		"<mediaSegmentDescriptor>\n<contentType>video</contentType>\n<codecType>H.264-BP</codecType>\n<playbackURI>%s</playbackURI>\n<lockStatus>unlock</lockStatus>\n<name>%s</name>\n</mediaSegmentDescriptor>\n"+
		"<metadataMatches>\n<metadataDescriptor>recordType.meta.hikvision.com/timing</metadataDescriptor>\n</metadataMatches>\n</searchMatchItem>\n",
		c.Channel, c.Start.Format(hikTime), c.End.Format(hikTime), html.EscapeString(uri), hikName(c))
}

// hikName is how the box names a recording.
func hikName(c clips.Clip) string {
	return fmt.Sprintf("%03d%s", c.Channel, c.Start.Format("20060102150405"))
}

// download gives the file of a playback URI, as the search told it.
func (h *HikvisionBox) download(w http.ResponseWriter, r *http.Request) {
	var d struct {
		XMLName xml.Name
		URI     string `xml:"playbackURI"`
	}
	body, _ := io.ReadAll(r.Body)
	if xml.Unmarshal(body, &d) != nil || d.XMLName.Local != "downloadRequest" {
		responseStatus(w, r, http.StatusBadRequest, 6, "Invalid XML Content", "badXmlContent")
		return
	}
	c, ok := h.named(d.URI)
	if !ok {
		responseStatus(w, r, http.StatusNotFound, 4, "Invalid Operation", "notFound")
		return
	}
	f, _, err := h.Footage.Open(c.Path)
	if err != nil {
		responseStatus(w, r, http.StatusInternalServerError, 3, "Device Error", "deviceError")
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Content-Length", strconv.FormatInt(c.Size, 10))
	_, _ = io.Copy(w, f)
}

// named finds the recording of a playback URI.
func (h *HikvisionBox) named(uri string) (clips.Clip, bool) {
	u, err := url.Parse(uri)
	if err != nil {
		return clips.Clip{}, false
	}
	all, err := h.Footage.Find(0, time.Time{}, time.Now().AddDate(1, 0, 0))
	if err != nil {
		return clips.Clip{}, false
	}
	q := u.Query()
	for _, c := range all {
		if hikName(c) == q.Get("name") && c.Start.Format(hikTimeInID) == q.Get("starttime") {
			return c, true
		}
	}
	return clips.Clip{}, false
}

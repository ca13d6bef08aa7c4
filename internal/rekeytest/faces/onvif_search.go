package faces

import (
	"cmp"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey/internal/recorder/clips"
)

// soapFind is what a search asks for, and goes on with.
type soapFind struct {
	Scope *struct {
		Recordings []string `xml:"IncludedRecordings"`
		Filter     string   `xml:"RecordingInformationFilter"`
	} `xml:"Scope"`
	KeepAliveTime string
	SearchToken   string
	MaxResults    int
	told          int
}

// soapReplay asks where a recording is played.
type soapReplay struct {
	RecordingToken string
	StreamSetup    *struct {
		Stream    string
		Transport string `xml:"Transport>Protocol"`
	}
}

// onvifPage is how many recordings one answer holds at most.
const onvifPage = 5

// services are those of the device, and of Profile G where it has footage.
func (o *ONVIFBox) services(base string) string {
	names := []string{"device"}
	if o.Footage != nil {
		names = append(names, "search", "recording", "replay")
	}
	var all strings.Builder
	for _, name := range names {
		fmt.Fprintf(&all, "<tds:Service><tds:Namespace>http://www.onvif.org/ver10/%s/wsdl</tds:Namespace><tds:XAddr>%s%s_service</tds:XAddr><tds:Version><tt:Major>20</tt:Major><tt:Minor>12</tt:Minor></tds:Version></tds:Service>", name, base, name)
	}
	return all.String()
}

func (o *ONVIFBox) capabilities(w http.ResponseWriter, service string) {
	switch service {
	case "search_service":
		recordedAnswer(w, "tse", "GetServiceCapabilities", `<tse:Capabilities MetadataSearch="false" GeneralStartEvents="false"/>`)
	case "replay_service":
		recordedAnswer(w, "trp", "GetServiceCapabilities", `<trp:Capabilities ReversePlayback="false" SessionTimeoutRange="10 60" RTP_RTSP_TCP="true"/>`)
	default:
		recordedAnswer(w, "trc", "GetServiceCapabilities", `<trc:Capabilities DynamicRecordings="false" DynamicTracks="false"/>`)
	}
}

func recordedAnswer(w http.ResponseWriter, prefix, operation, answer string) {
	service := map[string]string{"tse": "search", "trp": "replay", "trc": "recording"}[prefix]
	_, _ = fmt.Fprintf(w, soapHead+`<%s:%sResponse xmlns:%s="http://www.onvif.org/ver10/%s/wsdl">%s</%s:%sResponse>`+soapTail, prefix, operation, prefix, service, answer, prefix, operation)
}

// recorded answers what Profile G asks for; false: it is nothing of that.
func (o *ONVIFBox) recorded(b *Box, w http.ResponseWriter, operation string, c soapCall) bool {
	call := c.Body.Inner[0]
	switch operation {
	case "GetRecordingSummary":
		all := o.clips()
		last := slices.MaxFunc(all, func(a, b clips.Clip) int { return a.End.Compare(b.End) })
		recordedAnswer(w, "tse", operation, fmt.Sprintf("<tse:Summary><tt:DataFrom>%s</tt:DataFrom><tt:DataUntil>%s</tt:DataUntil><tt:NumberRecordings>%d</tt:NumberRecordings></tse:Summary>",
			all[0].Start.Format(time.RFC3339), last.End.Format(time.RFC3339), len(all)))
	case "FindRecordings":
		o.find(w, call.soapFind)
	case "GetRecordingSearchResults":
		o.results(w, call.soapFind)
	case "EndSearch":
		if o.search(w, call.SearchToken, true) != nil {
			recordedAnswer(w, "tse", operation, "<tse:Endpoint>"+time.Now().UTC().Format(time.RFC3339)+"</tse:Endpoint>")
		}
	case "GetRecordings":
		o.list(w)
	case "GetReplayUri":
		o.replayURI(b, w, call.soapReplay)
	default:
		return false
	}
	return true
}

// clips are all recordings, oldest first.
func (o *ONVIFBox) clips() []clips.Clip {
	all, err := o.Footage.Find(0, time.Time{}, time.Now().AddDate(9, 0, 0))
	if err != nil {
		o.Keys.blame("footage that cannot be read: %v", err)
	}
	slices.SortStableFunc(all, func(a, b clips.Clip) int { return cmp.Or(a.Start.Compare(b.Start), a.Channel-b.Channel) })
	return all
}

func recordingToken(n int) string { return fmt.Sprintf("OnvifRecordingToken_%d", n+1) }

func (o *ONVIFBox) find(w http.ResponseWriter, f soapFind) {
	if f.Scope == nil || f.KeepAliveTime == "" {
		o.Keys.blame("a search without Scope or KeepAliveTime, which the schema demands")
		soapFault(w, http.StatusBadRequest, "Sender", "InvalidArgs", "Validation constraint violation")
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	token := "RecordingSearchToken_" + nonce(4)
	o.searches[token] = &f
	recordedAnswer(w, "tse", "FindRecordings", "<tse:SearchToken>"+token+"</tse:SearchToken>")
}

// search finds a search that is open, and ends it; a fault was told where it is nil.
func (o *ONVIFBox) search(w http.ResponseWriter, token string, end bool) *soapFind {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.searches[token]
	if s == nil {
		soapFault2(w, "Sender", "InvalidArgVal", "InvalidToken")
	}
	if end {
		delete(o.searches, token)
	}
	return s
}

// Searches are how many were begun and not ended.
func (o *ONVIFBox) Searches() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.searches)
}

// results come page by page. The first is empty: the device still searches.
func (o *ONVIFBox) results(w http.ResponseWriter, f soapFind) {
	s := o.search(w, f.SearchToken, false)
	if s == nil {
		return
	}
	all := o.clips()
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.told == 0 {
		s.told = 1
		recordedAnswer(w, "tse", "GetRecordingSearchResults", "<tse:ResultList><tt:SearchState>Searching</tt:SearchState></tse:ResultList>")
		return
	}
	begin := s.told - 1
	end := min(len(all), begin+onvifPage)
	if f.MaxResults > 0 {
		end = min(end, begin+f.MaxResults)
	}
	s.told = end + 1
	state := "Searching"
	if end == len(all) {
		state = "Completed"
	}
	var items strings.Builder
	for n := begin; n < end; n++ {
		items.WriteString(recordingInformation(n, all[n]))
	}
	recordedAnswer(w, "tse", "GetRecordingSearchResults", "<tse:ResultList><tt:SearchState>"+state+"</tt:SearchState>"+items.String()+"</tse:ResultList>")
}

func recordingInformation(n int, c clips.Clip) string {
	from, to := c.Start.Format(time.RFC3339), c.End.Format(time.RFC3339)
	return fmt.Sprintf("<tt:RecordingInformation><tt:RecordingToken>%s</tt:RecordingToken><tt:Source><tt:SourceId>SourceId_%d</tt:SourceId><tt:Name>Camera %d</tt:Name><tt:Location>Location</tt:Location><tt:Description>Description of source</tt:Description><tt:Address>http://www.onvif.org/ver10/schema/Profile</tt:Address></tt:Source>"+
		"<tt:EarliestRecording>%s</tt:EarliestRecording><tt:LatestRecording>%s</tt:LatestRecording><tt:Content>RecordContent</tt:Content>"+
		"<tt:Track><tt:TrackToken>videotracktoken_%d</tt:TrackToken><tt:TrackType>Video</tt:TrackType><tt:Description>VideoTrack</tt:Description><tt:DataFrom>%s</tt:DataFrom><tt:DataTo>%s</tt:DataTo></tt:Track><tt:RecordingStatus>Stopped</tt:RecordingStatus></tt:RecordingInformation>",
		recordingToken(n), c.Channel, c.Channel, from, to, c.Channel, from, to)
}

// list is what the recording service tells: without times.
func (o *ONVIFBox) list(w http.ResponseWriter) {
	var all strings.Builder
	for n, c := range o.clips() {
		fmt.Fprintf(&all, "<trc:RecordingItem><tt:RecordingToken>%s</tt:RecordingToken><tt:Configuration><tt:Source><tt:SourceId>SourceId_%d</tt:SourceId><tt:Name>Camera %d</tt:Name></tt:Source><tt:Content>RecordContent</tt:Content><tt:MaximumRetentionTime>PT0S</tt:MaximumRetentionTime></tt:Configuration><tt:Tracks><tt:Track><tt:TrackToken>videotracktoken_%d</tt:TrackToken><tt:Configuration><tt:TrackType>Video</tt:TrackType></tt:Configuration></tt:Track></tt:Tracks></trc:RecordingItem>",
			recordingToken(n), c.Channel, c.Channel, c.Channel)
	}
	recordedAnswer(w, "trc", "GetRecordings", all.String())
}

func (o *ONVIFBox) replayURI(b *Box, w http.ResponseWriter, r soapReplay) {
	n := slices.IndexFunc(o.numbered(), func(token string) bool { return token == r.RecordingToken })
	switch {
	case r.StreamSetup == nil || r.StreamSetup.Stream != "RTP-Unicast" || r.StreamSetup.Transport == "":
		o.Keys.blame("GetReplayUri without a StreamSetup of unicast and a transport")
		soapFault(w, http.StatusBadRequest, "Sender", "InvalidArgs", "Validation constraint violation")
	case n < 0:
		soapFault2(w, "Sender", "InvalidArgVal", "InvalidToken")
	default:
		uri := "rtsp://" + b.at(b.Ports.RTSP) + "/onvif-media/record/play.amp?onvifreplayid=" + strconv.Itoa(n+1) + "&onvifreplayext=1&streamtype=unicast&session_timeout=30"
		recordedAnswer(w, "trp", "GetReplayUri", "<trp:Uri>"+html.EscapeString(uri)+"</trp:Uri>")
	}
}

func (o *ONVIFBox) numbered() (tokens []string) {
	for n := range o.clips() {
		tokens = append(tokens, recordingToken(n))
	}
	return tokens
}

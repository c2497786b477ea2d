package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
)

// The file (RFC 9559 section 4.5):
//
//	EBML header              of ebmlHead bytes
//	Segment                  its size is written by finish
//	  SeekHead               padded to seekRoom
//	  Info                   padded to infoRoom
//	  Tracks                 padded to trackRoom
//	  Cluster, Cluster, …
//	  Cues                   written by finish
//
// The head is written again whenever a track joins, so everything in it has
// its place and the rest of the place is void.
const (
	ebmlHead    = 40 // nothing may stand between it and the segment
	segmentHead = 12 // four bytes of name, eight of size
	seekRoom    = 128
	infoRoom    = 256
	trackRoom   = 8192
	bodyAt      = ebmlHead + segmentHead + seekRoom + infoRoom + trackRoom
)

// When a cluster ends: its times must fit into 16 bits of milliseconds, and a
// crash loses what has not been written.
const (
	clusterLeast = time.Second // a key frame begins a new one after that
	clusterMost  = 5 * time.Second
	clusterBytes = 4 << 20
)

// device is a file, or what stands for it in a test.
type device interface {
	io.WriterAt
}

// muxer writes a Matroska file. It is driven by one goroutine at a time.
type muxer struct {
	out      device
	end      int64 // of what is written
	matroska bool  // there is something WebM does not have
	tracks   []webm.TrackEntry
	blocks   []ebml.Block // of the cluster that is not written yet
	start    time.Duration
	bytes    int
	keyed    uint64 // the video track whose key frame begins the cluster
	cues     []webm.CuePoint
	cuesAt   int64
	last     time.Duration
	created  time.Time
}

func newMuxer(out device, created time.Time) *muxer {
	return &muxer{out: out, end: bodyAt, created: created}
}

// addTrack puts a track into the head and gives its number.
func (m *muxer) addTrack(entry webm.TrackEntry) (uint64, error) {
	entry.TrackNumber = uint64(len(m.tracks) + 1)
	entry.TrackUID = entry.TrackNumber
	former := m.tracks
	m.tracks = append(m.tracks[:len(former):len(former)], entry)
	m.matroska = m.matroska || entry.CodecID == "V_MPEG4/ISO/AVC"
	if err := m.writeHead(); err != nil {
		m.tracks = former
		return 0, err
	}
	return entry.TrackNumber, nil
}

// write adds a sample of a track.
func (m *muxer) write(track uint64, at time.Duration, key bool, data []byte) error {
	video := m.tracks[track-1].TrackType == videoTrack
	if m.endsCluster(at, video && key) {
		if err := m.flush(); err != nil {
			return err
		}
	}
	if len(m.blocks) == 0 {
		m.start, m.keyed = at.Truncate(time.Millisecond), 0
		if key && (video || !m.hasVideo()) {
			m.keyed = track
		}
	}
	m.blocks = append(m.blocks, ebml.Block{
		TrackNumber: track,
		Timecode:    int16((at - m.start) / time.Millisecond),
		Keyframe:    key,
		Data:        [][]byte{data},
	})
	m.bytes += len(data)
	m.last = max(m.last, at)
	return nil
}

// endsCluster reports whether a sample belongs into the next cluster.
func (m *muxer) endsCluster(at time.Duration, videoKey bool) bool {
	if len(m.blocks) == 0 {
		return false
	}
	age := at - m.start
	return videoKey && age >= clusterLeast || age >= clusterMost || m.bytes >= clusterBytes || age <= math.MinInt16*time.Millisecond
}

func (m *muxer) hasVideo() bool {
	for _, track := range m.tracks {
		if track.TrackType == videoTrack {
			return true
		}
	}
	return false
}

// flush writes the cluster.
func (m *muxer) flush() error {
	if len(m.blocks) == 0 {
		return nil
	}
	var cluster struct {
		Cluster webm.Cluster `ebml:"Cluster"`
	}
	cluster.Cluster.Timecode = uint64(m.start / time.Millisecond)
	cluster.Cluster.SimpleBlock = m.blocks
	if m.keyed != 0 {
		m.cues = append(m.cues, webm.CuePoint{
			CueTime:           cluster.Cluster.Timecode,
			CueTrackPositions: []webm.CueTrackPosition{{CueTrack: m.keyed, CueClusterPosition: uint64(m.end - ebmlHead - segmentHead)}},
		})
	}
	m.blocks, m.bytes = nil, 0
	return m.append(&cluster)
}

// append writes an element at the end.
func (m *muxer) append(element any) error {
	data, err := marshal(element)
	if err != nil {
		return err
	}
	if _, err := m.out.WriteAt(data, m.end); err != nil {
		return err
	}
	m.end += int64(len(data))
	return nil
}

// finish writes what is left, the index and the head with size and duration.
func (m *muxer) finish() error {
	if err := m.flush(); err != nil {
		return err
	}
	if len(m.cues) > 0 {
		cuesAt := m.end
		var cues struct {
			Cues webm.Cues `ebml:"Cues"`
		}
		cues.Cues.CuePoint = m.cues
		if err := m.append(&cues); err != nil {
			return err
		}
		m.cuesAt = cuesAt
	}
	if err := m.writeHead(); err != nil {
		return err
	}
	size := make([]byte, 8)
	binary.BigEndian.PutUint64(size, 1<<56|uint64(m.end-ebmlHead-segmentHead))
	_, err := m.out.WriteAt(size, ebmlHead+segmentHead-8)
	return err
}

// segmentID and unknownSize begin the segment of a file that is being written
// (RFC 8794 section 6.2).
var segmentID, unknownSize = []byte{0x18, 0x53, 0x80, 0x67}, []byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// The document types, of one length: a string may end with zeros (RFC 8794
// section 7.4).
const docTypeWebM, docTypeMatroska = "webm\x00\x00\x00\x00", "matroska"

// writeHead writes everything before the clusters.
func (m *muxer) writeHead() error {
	var header struct {
		Header webm.EBMLHeader `ebml:"EBML"`
	}
	header.Header = webm.EBMLHeader{EBMLVersion: 1, EBMLReadVersion: 1, EBMLMaxIDLength: 4, EBMLMaxSizeLength: 8, DocType: docTypeWebM, DocTypeVersion: 4, DocTypeReadVersion: 2}
	if m.matroska {
		header.Header.DocType = docTypeMatroska
	}
	var seek struct {
		SeekHead webm.SeekHead `ebml:"SeekHead"`
	}
	seek.SeekHead.Seek = m.seeks()
	var info struct {
		Info webm.Info `ebml:"Info"`
	}
	info.Info = webm.Info{TimecodeScale: uint64(time.Millisecond), MuxingApp: "meshfocus", WritingApp: "meshfocus", DateUTC: m.created}
	if m.cuesAt > 0 {
		info.Info.Duration = float64(m.last / time.Millisecond)
	}
	var tracks struct {
		Tracks webm.Tracks `ebml:"Tracks"`
	}
	tracks.Tracks.TrackEntry = m.tracks

	begin, err := marshal(&header)
	if err != nil {
		return err
	}
	if len(begin) != ebmlHead {
		return fmt.Errorf("matroska: EBML header of %d bytes, not %d", len(begin), ebmlHead)
	}
	head := bytes.NewBuffer(begin)
	head.Write(segmentID)
	head.Write(unknownSize)
	for _, part := range []struct {
		element any
		room    int
	}{{&seek, seekRoom}, {&info, infoRoom}, {&tracks, trackRoom}} {
		if err == nil {
			err = pad(head, part.element, part.room)
		}
	}
	if err != nil {
		return err
	}
	_, err = m.out.WriteAt(head.Bytes(), 0)
	return err
}

// seeks says where things are, from the begin of the segment's content.
func (m *muxer) seeks() []webm.Seek {
	seeks := []webm.Seek{
		{SeekID: []byte{0x15, 0x49, 0xa9, 0x66}, SeekPosition: seekRoom},            // Info
		{SeekID: []byte{0x16, 0x54, 0xae, 0x6b}, SeekPosition: seekRoom + infoRoom}, // Tracks
	}
	if m.cuesAt > 0 {
		seeks = append(seeks, webm.Seek{SeekID: []byte{0x1c, 0x53, 0xbb, 0x6b}, SeekPosition: uint64(m.cuesAt - ebmlHead - segmentHead)})
	}
	return seeks
}

// pad writes an element and makes the rest of its room void (RFC 8794 section
// 11.3.2).
func pad(head *bytes.Buffer, element any, room int) error {
	data, err := marshal(element)
	if err != nil {
		return err
	}
	rest := room - len(data)
	if rest < 9 { // the smallest void we write
		return ErrTooManyTracks
	}
	head.Write(data)
	void := make([]byte, rest)
	binary.BigEndian.PutUint64(void[1:], 1<<56|uint64(rest-9))
	void[0] = 0xec
	head.Write(void)
	return nil
}

func marshal(element any) ([]byte, error) {
	var data bytes.Buffer
	if err := ebml.Marshal(element, &data); err != nil {
		return nil, fmt.Errorf("matroska: %w", err)
	}
	return data.Bytes(), nil
}

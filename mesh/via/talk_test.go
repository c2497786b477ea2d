package via

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"meshfocus/focus/transport"
	"meshfocus/signalling/message"
)

// streams makes what a focus tells: "bert/v a" is bert's stream of a picture and a
// sound.
func streams(list ...string) message.FocusStreams {
	all := message.FocusStreams{transport.SilentStreamID: {Stream: message.Stream{Purpose: "m.usermedia", AudioMuted: true, VideoMuted: true}}}
	for _, text := range list {
		name, tracks, _ := strings.Cut(text, "/")
		owner, _, _ := strings.Cut(name, "-")
		s := message.FocusStream{Stream: message.Stream{Purpose: "m.usermedia"}, UserID: who(owner).UserID, DeviceID: who(owner).DeviceID, Tracks: map[string]message.FocusStreamTrack{}}
		for _, track := range strings.Fields(tracks) {
			s.Tracks[track] = message.FocusStreamTrack{Kind: map[byte]string{'v': "video", 'a': "audio"}[track[0]]}
		}
		all[name] = s
	}
	return all
}

func wanted(names ...string) map[message.Party]bool {
	all := map[message.Party]bool{}
	for _, name := range names {
		all[who(name)] = true
	}
	return all
}

// said puts messages into words.
func said(messages []message.FocusMessage) string {
	var words []string
	for _, m := range messages {
		switch m.Kind {
		case message.FocusSubscription:
			for _, t := range m.Unsubscribe {
				words = append(words, "-"+t.StreamID+"/"+t.TrackID)
			}
			for _, t := range m.Subscribe {
				words = append(words, fmt.Sprintf("+%s/%s %dx%d", t.StreamID, t.TrackID, t.Width, t.Height))
			}
		case message.FocusMetadataChanged:
			for id, s := range m.Streams {
				words = append(words, fmt.Sprintf("%s audio %v video %v", id, !s.AudioMuted, !s.VideoMuted))
			}
		default:
			words = append(words, strings.TrimPrefix(string(m.Kind), "m.call."))
		}
	}
	return strings.Join(words, ", ")
}

func TestTalk_AsksForWhatIsWanted(t *testing.T) {
	talk := NewTalk(who("anna"), Size{640, 360})
	tell := func(list ...string) string {
		say, _ := talk.Hear(message.FocusMessage{Kind: message.FocusMetadataChanged, Streams: streams(list...)})
		return said(say)
	}
	for i, step := range []struct{ is, want string }{
		{said(talk.Want(wanted("bert", "carl"))), ""},
		{said(talk.SetStreams(message.StreamMetadata{"mine": {Purpose: "m.usermedia", VideoMuted: true}})), ""}, // there is no channel
		{said(talk.Open()), "mine audio true video false"},
		{tell("bert/v a", "dora/v", "anna/v"), "+bert/a 640x360, +bert/v 640x360"},
		{tell("bert/v a", "dora/v", "anna/v"), ""},
		{tell("bert/v a", "carl/v", "carl-2/v", "dora/v"), "+carl/v 640x360, +carl-2/v 640x360"},
		{said(talk.Want(wanted("bert"))), "-carl/v, -carl-2/v"},
		{said(talk.Want(wanted("bert", "anna"))), ""}, // never our own
		{tell("bert/a", "dora/v"), ""},                // it has ended there
		{tell("bert/v a"), "+bert/v 640x360"},
		{said(talk.SetStreams(message.StreamMetadata{"mine": {Purpose: "m.usermedia"}})), "mine audio true video true"},
		{said(talk.Want(nil)), "-bert/a, -bert/v"},
		{said(talk.Want(wanted("bert"))), "+bert/a 640x360, +bert/v 640x360"},
	} {
		if step.is != step.want {
			t.Errorf("step %d: it says %q, want %q", i, step.is, step.want)
		}
	}
	talk.Close()
	if is := said(talk.Want(wanted("carl"))); is != "" {
		t.Errorf("without a channel it says %q", is)
	}
	if is := said(talk.Open()) + "; " + tell("carl/v"); is != "mine audio true video true; +carl/v 640x360" {
		t.Errorf("on another channel it says %q", is)
	}
}

func TestTalk_AnswersWhatIsSaid(t *testing.T) {
	talk := NewTalk(who("anna"), Size{})
	talk.Open()
	talk.Want(wanted("bert"))
	if say, offer := talk.Hear(message.FocusMessage{Kind: message.FocusPing}); said(say) != "pong" || offer.SDP != "" {
		t.Errorf("to a ping it says %q %v", said(say), offer)
	}
	if say, _ := talk.Hear(message.FocusMessage{Kind: message.FocusPong}); said(say) != "" {
		t.Errorf("to a pong it says %q", said(say))
	}
	offered := message.FocusMessage{Kind: message.FocusNegotiate, Description: message.Description{Type: "offer", SDP: "v=0"}, Streams: streams("bert/v")}
	if say, offer := talk.Hear(offered); offer.SDP != "v=0" || said(say) != "+bert/v 0x0" {
		t.Errorf("to an offer it says %q %v", said(say), offer)
	}
	offered.Description.Type = "answer"
	if _, offer := talk.Hear(offered); offer.SDP != "" {
		t.Error("it answers an answer")
	}
}

func TestTalk_KnowsWhoseATrackIs(t *testing.T) {
	talk := NewTalk(who("anna"), Size{})
	talk.Open()
	talk.Want(wanted("bert"))
	all := streams("bert/v a", "carl/v")
	s := all["bert"]
	s.VideoMuted = true
	all["bert"] = s
	talk.Hear(message.FocusMessage{Kind: message.FocusMetadataChanged, Streams: all})
	if source, ok := talk.Source("bert", "v"); !ok || source.Owner != who("bert") || source.Kind != transport.Video || !source.muted() {
		t.Errorf("it is %+v", source)
	}
	if source, ok := talk.Source("bert", "a"); !ok || source.Kind != transport.Audio || source.muted() {
		t.Errorf("it is %+v", source)
	}
	for _, name := range [][2]string{{"carl", "v"}, {"bert", "x"}, {"", ""}, {transport.SilentStreamID, transport.SilentStreamID}} {
		if source, ok := talk.Source(name[0], name[1]); ok {
			t.Errorf("%v, which was not asked for, is %+v", name, source)
		}
	}
	if talk.Expects() != 1 || len(talk.Streams(who("bert"))) != 1 || len(talk.Streams(who("dora"))) != 0 {
		t.Errorf("%d are expected, %v of bert", talk.Expects(), talk.Streams(who("bert")))
	}
}

func TestTalk_NamesNotTooManyInOneMessage(t *testing.T) {
	talk := NewTalk(who("anna"), Size{})
	talk.Open()
	var list []string
	for i := range 250 {
		list = append(list, fmt.Sprintf("bert-%d/v", i))
	}
	talk.Hear(message.FocusMessage{Kind: message.FocusMetadataChanged, Streams: streams(list...)})
	say := talk.Want(wanted("bert"))
	for _, m := range say {
		if _, err := message.ParseFocusMessage(m.Encode()); err != nil {
			t.Error(err)
		}
	}
	if len(say) != 3 {
		t.Errorf("%d messages", len(say))
	}
}

// Whatever a focus says, what was asked for and not given back is what is wanted of
// what is there.
func TestTalk_AgreesWithTheFocus(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{"anna", "bert", "carl"}
	for range 300 {
		talk, subscribed, there, want := NewTalk(who("anna"), Size{}), map[string]bool{}, map[string]bool{}, wanted()
		hear := func(say []message.FocusMessage) {
			for _, m := range say {
				for _, u := range m.Unsubscribe {
					delete(subscribed, u.StreamID+"/"+u.TrackID)
				}
				for _, s := range m.Subscribe {
					if subscribed[s.StreamID+"/"+s.TrackID] {
						t.Fatalf("%v is asked for twice", s)
					}
					subscribed[s.StreamID+"/"+s.TrackID] = true
				}
			}
		}
		talk.Open()
		for range 20 {
			if random.IntN(2) == 0 {
				want = wanted(names[random.IntN(3)], names[random.IntN(3)])
				hear(talk.Want(want))
			} else {
				var list []string
				clear(there)
				for _, name := range names {
					if random.IntN(3) > 0 {
						list, there[name+"/v"] = append(list, name+"/v"), true
					}
				}
				for name := range subscribed { // they end with their tracks
					if !there[name] {
						delete(subscribed, name)
					}
				}
				say, _ := talk.Hear(message.FocusMessage{Kind: message.FocusMetadataChanged, Streams: streams(list...)})
				hear(say)
			}
			for _, name := range names {
				if is := subscribed[name+"/v"]; is != (there[name+"/v"] && want[who(name)] && name != "anna") {
					t.Fatalf("%s: subscribed %v, there %v, wanted %v", name, is, there, want)
				}
			}
		}
	}
}

func FuzzTalk(f *testing.F) {
	for _, m := range []message.FocusMessage{
		{Kind: message.FocusPing}, {Kind: message.FocusMetadataChanged, Streams: streams("bert/v a", "anna/v")},
		{Kind: message.FocusNegotiate, Description: message.Description{Type: "offer", SDP: "v=0"}, Streams: streams("bert/v")},
	} {
		f.Add(m.Encode(), []byte(`{"type":"m.call.sdp_stream_metadata_changed","content":{"sdp_stream_metadata":{"s":{"tracks":{"t":{}}}}}}`))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		talk := NewTalk(who("anna"), Size{})
		talk.Open()
		talk.Want(wanted("bert", "anna"))
		for _, text := range [][]byte{first, second} {
			m, err := message.ParseFocusMessage(text)
			if err != nil {
				continue
			}
			say, _ := talk.Hear(m)
			for _, m := range say {
				for _, s := range m.Subscribe {
					if source, ok := talk.Source(s.StreamID, s.TrackID); !ok || source.Owner != who("bert") {
						t.Fatalf("%v is asked for, of %v", s, source.Owner)
					}
				}
				if !json.Valid(m.Encode()) {
					t.Fatalf("%+v has no JSON", m)
				}
			}
		}
	})
}

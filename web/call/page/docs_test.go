package page

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"meshfocus/internal/browser"
)

// pictures are those of the documentation. UPDATE_DOCS=1 takes them anew;
// without it each has to be there.
var pictures = []struct {
	name, path string
	phone      bool
	dark       bool
	script     string // what happens once the page is there, as a promise's body
}{
	{"start", "/", false, false, ""},
	{"prejoin", "/c/lobby", false, false, "fake.level = .25; name('Mia');"},
	{"prejoin-phone", "/c/lobby", true, false, "fake.level = .25; name('Mia');"},
	{"grid-4", "/c/lobby?peers=3", false, false, "await join(); fake.set(1, {speaking: true}); mute(2);"},
	{"grid-4-phone", "/c/lobby?peers=3", true, true, "await join(); fake.set(1, {speaking: true}); mute(2);"},
	{"grid-9", "/c/lobby?peers=8", false, true, "await join(); fake.set(3, {speaking: true}); mute(6); fake.set(7, {state: 'reconnecting', words: ''}); document.querySelectorAll('.info')[2].click();"},
	{"grid-9-phone", "/c/lobby?peers=8", true, false, "await join(); fake.set(3, {speaking: true}); mute(6);"},
	{"screen", "/c/lobby?peers=4", false, false, "await join(); fake.share(1); fake.set(1, {speaking: true});"},
	{"pairs", "/c/lobby?peers=3", false, false, "await join(); trouble(); open();"},
	{"pairs-phone", "/c/lobby?peers=3", true, true, "await join(); trouble(); open();"},
	{"error", "/c/lobby?camera=denied", false, false, "name('Mia');"},
	{"error-phone", "/c/lobby?refuse=room_full", true, false, "await join();"},
}

// words that the scripts of the pictures use.
const words = `
	const name = (text) => { document.querySelector('input[name=name]').value = text; };
	const pause = (ms) => new Promise((done) => setTimeout(done, ms));
	const join = async () => { await pause(200); name('Mia'); document.querySelector('form').requestSubmit(); await pause(500); };
	const mute = (i) => fake.set(i, {streams: [{...fake.peers[i].streams[0], audioMuted: true}]});
	const trouble = () => { fake.cells['@p0:x/D0>@p1:x/D1'] = {video: 'stalled'}; fake.cells['@p2:x/D2>@me:x/ME'] = {audio: 'muted'};
	  fake.cells['@p1:x/D1>@p2:x/D2'] = {from: undefined}; fake.call.tell(); };
	const open = () => { document.querySelector('.tool-mesh').click(); setTimeout(() => fake.call.tell(), 1200); };
`

func TestDocs_ShowThePage(t *testing.T) {
	if os.Getenv("UPDATE_DOCS") != "" {
		takePictures(t)
	}
	for _, picture := range pictures {
		info, err := os.Stat(fileOf(picture.name))
		if err != nil {
			t.Errorf("%v; UPDATE_DOCS=1 takes it", err)
		} else if info.Size() > 250_000 {
			t.Errorf("%s weighs %d bytes, want at most 250000", info.Name(), info.Size())
		}
	}
}

func fileOf(name string) string { return filepath.Join("../../../docs", "call-"+name+".png") }

func takePictures(t *testing.T) {
	b, base := browser.Start(t), serve(t)
	for _, picture := range pictures {
		p := b.Open(t, base+picture.path)
		p.Front()
		p.Dark(picture.dark)
		if picture.phone {
			p.Size(360, 740, true)
		} else {
			p.Size(1280, 800, false)
		}
		p.Eventually(patience, "the page has begun", "document.querySelector('form')", "")
		p.Eval("(async () => {"+words+picture.script+"document.activeElement?.blur?.(); await pause(1500); })()", nil)
		p.Screenshot(fileOf(picture.name))
		p.Close()
		shrink(t, fileOf(picture.name))
	}
}

// shrink reduces a picture to 256 colours, where ffmpeg is there.
func shrink(t *testing.T, file string) {
	t.Helper()
	small := file + ".small.png"
	cmd := exec.Command("ffmpeg", "-v", "error", "-y", "-i", file, "-vf", "split[a][b];[a]palettegen=max_colors=256:stats_mode=full[p];[b][p]paletteuse=dither=sierra2_4a", small)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	if err := os.Rename(small, file); err != nil {
		t.Fatal(err)
	}
}

package dependency

import "meshfocus/simulcast"

// The bounds of a structure. MaxTemplates, MaxTargets and MaxChains are the
// widths of their fields (section A.8.2); MaxDiffs is ours: AV1 and VP9 keep
// eight frames to refer to.
const (
	MaxTemplates = 64
	MaxTargets   = 32
	MaxChains    = 32
	MaxDiffs     = 8
	MaxSpatial   = 8 // layers, as VP9's three bits allow; AV1 has two
	MaxTemporal  = 8 // layers, three bits in both
)

// Indication is what a frame is to a decode target (table A.1).
type Indication uint8

// The indications.
const (
	NotPresent  Indication = iota // nothing: it need not be forwarded
	Discardable                   // belongs to it, and no frame of it refers to this one
	Switch                        // belongs to it; all later frames of it can be decoded if this one can
	Required                      // belongs to it, no more can be said
)

// Frame is what a template says of a frame, or a descriptor in its place.
type Frame struct {
	Spatial, Temporal int8
	// DiffCount of the Diffs are used: how many frames ago those were that this
	// one refers to. None: it stands alone.
	DiffCount uint8
	// Masks of decode targets, target 0 in the lowest bit. Targets are those it
	// belongs to; some of them have it as Discardable or as Switch, the others
	// as Required.
	Targets, Discardable, Switches uint32
	Diffs                          [MaxDiffs]uint16
	// ChainDiffs says for each chain of the structure how many frames ago its
	// previous frame was; 0: none before is needed.
	ChainDiffs [MaxChains]uint8

	reach    int8   // see Descriptor.Reach, all targets being as the template says
	own      uint32 // mask of the targets with just the frame's layer
	parts    uint32 // chains it is part of, all targets being active
	needless uint8  // see Descriptor.Needless, all targets being as the template says
}

// Indication says what the frame is to a decode target.
func (f *Frame) Indication(target int) Indication {
	bit := uint32(1) << target
	switch {
	case f.Targets&bit == 0:
		return NotPresent
	case f.Discardable&bit != 0:
		return Discardable
	case f.Switches&bit != 0:
		return Switch
	}
	return Required
}

// indicate writes an indication.
func (f *Frame) indicate(target int, to Indication) {
	bit := uint32(1) << target
	if to != NotPresent {
		f.Targets |= bit
	}
	if to == Discardable {
		f.Discardable |= bit
	}
	if to == Switch {
		f.Switches |= bit
	}
}

// Size is a picture's, in pixels.
type Size struct{ Width, Height uint16 }

// Structure is the frame dependency structure of a coded video sequence. Two of
// them with the same content are equal.
type Structure struct {
	// Offset is the identifier of Templates[0]; they count modulo 64.
	Offset                                 uint8
	TemplateCount, TargetCount, ChainCount uint8
	SpatialCount                           uint8
	// HasSizes: Sizes are those of the spatial layers.
	HasSizes  bool
	Sizes     [MaxSpatial]Size
	Templates [MaxTemplates]Frame
	// Layers are the highest layers the decode targets have frames of. Chain is
	// the one that protects a target, if there are chains.
	Layers [MaxTargets]simulcast.Layer
	Chain  [MaxTargets]uint8
}

// All gives the mask of all decode targets.
func (s *Structure) All() uint32 { return uint32(1<<s.TargetCount - 1) }

// Target gives the decode target of a layer: the one with just its pictures. If
// there is none, it is the highest with less of both; -1 if that neither.
func (s *Structure) Target(layer simulcast.Layer) int {
	best := -1
	for i, has := range s.Layers[:s.TargetCount] {
		if has.Spatial > layer.Spatial || has.Temporal > layer.Temporal {
			continue
		}
		if best < 0 || above(has, s.Layers[best]) {
			best = i
		}
	}
	return best
}

// above orders layers by size of the picture first.
func above(a, b simulcast.Layer) bool {
	if a.Spatial != b.Spatial {
		return a.Spatial > b.Spatial
	}
	return a.Temporal > b.Temporal
}

// template finds a frame's template by its identifier, nil if there is none.
func (s *Structure) template(id uint8) *Frame {
	index := (id - s.Offset) % MaxTemplates
	if index >= s.TemplateCount {
		return nil
	}
	return &s.Templates[index]
}

// partOf gives the chains that a frame is part of, as the function
// PartOfActiveChain of section A.6 says, and only those with active targets.
func (s *Structure) partOf(f *Frame, active uint32) uint32 {
	if s.ChainCount == 0 {
		return 0
	}
	var used, outside uint32
	for target := range int(s.TargetCount) {
		chain := uint32(1) << s.Chain[target]
		if active>>target&1 != 0 {
			used |= chain
		}
		if at := f.Indication(target); at == NotPresent || at == Discardable {
			outside |= chain
		}
	}
	return used &^ outside
}

// parse reads template_dependency_structure of section A.8.2.
func (s *Structure) parse(r *reader) error {
	s.Offset = uint8(r.read(6))
	s.TargetCount = uint8(r.read(5)) + 1
	if !s.parseLayers(r) {
		return ErrBounds
	}
	for i := range s.Templates[:s.TemplateCount] {
		parseIndications(r, &s.Templates[i], s.TargetCount)
	}
	for i := range s.Templates[:s.TemplateCount] {
		if !parseDiffs(r, &s.Templates[i]) {
			return ErrBounds
		}
	}
	s.parseChains(r)
	s.findLayers()
	s.finish()
	if s.HasSizes = r.flag(); s.HasSizes {
		for i := range s.Sizes[:s.SpatialCount] {
			s.Sizes[i] = Size{uint16(r.read(16) + 1), uint16(r.read(16) + 1)} // 65536 is as good as 0
		}
	}
	if r.failed {
		return ErrShort
	}
	return nil
}

// parseLayers reads template_layers; false if there are more than can be.
func (s *Structure) parseLayers(r *reader) bool {
	var spatial, temporal int8
	for {
		if s.TemplateCount == MaxTemplates || spatial == MaxSpatial || temporal == MaxTemporal {
			return false
		}
		s.Templates[s.TemplateCount].Spatial, s.Templates[s.TemplateCount].Temporal = spatial, temporal
		s.TemplateCount++
		switch r.read(2) { // next_layer_idc
		case 1:
			temporal++
		case 2:
			spatial, temporal = spatial+1, 0
		case 3:
			s.SpatialCount = uint8(spatial) + 1
			return true
		}
		if r.failed {
			return true // which parse tells
		}
	}
}

// parseIndications reads the part of template_dtis for one template, or
// frame_dtis.
func parseIndications(r *reader, f *Frame, targets uint8) {
	f.Targets, f.Discardable, f.Switches = 0, 0, 0
	for target := range int(targets) {
		f.indicate(target, Indication(r.read(2)))
	}
}

// parseDiffs reads the part of template_fdiffs for one template; false if there
// are more than can be.
func parseDiffs(r *reader, f *Frame) bool {
	for r.flag() { // fdiff_follows_flag
		if f.DiffCount == MaxDiffs {
			return false
		}
		f.Diffs[f.DiffCount] = uint16(r.read(4)) + 1
		f.DiffCount++
	}
	return true
}

// parseChains reads template_chains.
func (s *Structure) parseChains(r *reader) {
	s.ChainCount = uint8(r.limited(uint32(s.TargetCount) + 1))
	if s.ChainCount == 0 {
		return
	}
	for target := range int(s.TargetCount) {
		s.Chain[target] = uint8(r.limited(uint32(s.ChainCount)))
	}
	for i := range s.Templates[:s.TemplateCount] {
		for chain := range int(s.ChainCount) {
			s.Templates[i].ChainDiffs[chain] = uint8(r.read(4))
		}
	}
}

// findLayers does decode_target_layers.
func (s *Structure) findLayers() {
	for i := range s.Templates[:s.TemplateCount] {
		template := &s.Templates[i]
		for target := range int(s.TargetCount) {
			if template.Targets>>target&1 == 0 {
				continue
			}
			layer := &s.Layers[target]
			layer.Spatial = max(layer.Spatial, template.Spatial)
			layer.Temporal = max(layer.Temporal, template.Temporal)
		}
	}
}

// finish writes into each template what follows from the whole.
func (s *Structure) finish() {
	for i := range s.Templates[:s.TemplateCount] {
		template := &s.Templates[i]
		layer := simulcast.Layer{Spatial: template.Spatial, Temporal: template.Temporal}
		for target := range int(s.TargetCount) {
			if s.Layers[target] == layer {
				template.own |= 1 << target
			}
		}
		template.parts = s.partOf(template, s.All())
		template.reach = s.reachOf(template)
		template.needless = s.needlessOf(template)
	}
}

// needlessOf gives the mask of spatial layers above the frame's own whose targets it
// is present in none of. Layers that the structure does not have are as its highest.
func (s *Structure) needlessOf(f *Frame) uint8 {
	return ^s.spatialsOf(f.Targets) & ^uint8(1<<(f.Spatial+1)-1)
}

// spatialsOf gives the mask of spatial layers of some targets.
func (s *Structure) spatialsOf(targets uint32) (layers uint8) {
	for target, layer := range s.Layers[:s.TargetCount] {
		if targets>>target&1 != 0 {
			layers |= 1 << layer.Spatial
		}
	}
	if highest := s.SpatialCount - 1; layers>>highest&1 != 0 {
		layers |= ^uint8(1<<highest - 1)
	}
	return layers
}

// reachOf gives the highest temporal layer of the targets of a frame's spatial
// layer that can be switched to with it.
func (s *Structure) reachOf(f *Frame) (highest int8) {
	for target, layer := range s.Layers[:s.TargetCount] {
		if f.Switches>>target&1 != 0 && layer.Spatial == f.Spatial {
			highest = max(highest, layer.Temporal)
		}
	}
	return highest
}

// append writes template_dependency_structure of section A.8.2.
func (s *Structure) append(w *writer) {
	w.write(uint32(s.Offset), 6)
	w.write(uint32(s.TargetCount)-1, 5)
	s.appendLayers(w)
	templates := s.Templates[:s.TemplateCount]
	for i := range templates {
		for target := range int(s.TargetCount) {
			w.write(uint32(templates[i].Indication(target)), 2)
		}
	}
	for i := range templates {
		for _, diff := range templates[i].Diffs[:templates[i].DiffCount] {
			w.write(1<<4|uint32(diff-1), 5)
		}
		w.write(0, 1)
	}
	w.limited(uint32(s.ChainCount), uint32(s.TargetCount)+1)
	if s.ChainCount > 0 {
		for _, chain := range s.Chain[:s.TargetCount] {
			w.limited(uint32(chain), uint32(s.ChainCount))
		}
		for i := range templates {
			for _, diff := range templates[i].ChainDiffs[:s.ChainCount] {
				w.write(uint32(diff), 4)
			}
		}
	}
	s.appendSizes(w)
}

// appendLayers writes template_layers.
func (s *Structure) appendLayers(w *writer) {
	templates := s.Templates[:s.TemplateCount]
	for i := range templates[1:] {
		before, next := &templates[i], &templates[i+1]
		switch {
		case next.Spatial != before.Spatial:
			w.write(2, 2)
		case next.Temporal != before.Temporal:
			w.write(1, 2)
		default:
			w.write(0, 2)
		}
	}
	w.write(3, 2)
}

// appendSizes writes resolutions_present_flag and render_resolutions.
func (s *Structure) appendSizes(w *writer) {
	if !s.HasSizes {
		w.write(0, 1)
		return
	}
	w.write(1, 1)
	for _, size := range s.Sizes[:s.SpatialCount] {
		w.write(uint32(size.Width-1), 16)
		w.write(uint32(size.Height-1), 16)
	}
}

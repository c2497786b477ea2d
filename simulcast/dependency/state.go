package dependency

// State is what is known of one source: its structure, the one before, and the
// active decode targets. The zero value knows nothing. It is owned by the loop
// that reads the source.
//
// The structure before is kept for packets that come late, after the key frame
// that brought the present one; their identifiers differ, as the specification
// asks for.
type State struct {
	present, former Structure // TemplateCount 0: none
	active          uint32    // of the present one
	// Frame numbers without wrapping: the newest there was, of the frame that
	// brought the present structure, and of the one that told active.
	newest, since, told int64
	contradicted        bool // by the last structure that came
}

// Structure gives the present one, nil if none has come yet. It changes with
// the next key frame and is only to be read.
func (s *State) Structure() *Structure {
	if s.present.TemplateCount == 0 {
		return nil
	}
	return &s.present
}

// Parse reads an extension into d and learns from it. Errors are ErrShort,
// ErrBounds, ErrContradiction and ErrTemplate; what they leave valid stands with
// them. Packets may come late or twice.
func (s *State) Parse(data []byte, d *Descriptor) error {
	*d = Descriptor{bitsOfFields: flagsAt, activeAt: flagsEnd}
	if err := d.parseMandatory(data); err != nil {
		return err
	}
	number := s.unwrap(d.Number)
	flags := byte(0)
	if len(data) > mandatorySize {
		flags = data[mandatorySize] >> 3
	}
	if flags&flagAttached != 0 {
		return s.parseAttached(data, d, flags, number)
	}
	from := s.find(d.Template, number)
	if from == nil {
		return ErrTemplate
	}
	active := from.All()
	if from == &s.present {
		active = s.active
	}
	if err := d.parse(data, flags, flagsEnd, from, active); err != nil {
		return err
	}
	s.learn(d, from, number)
	return nil
}

// parseAttached is Parse with a structure.
func (s *State) parseAttached(data []byte, d *Descriptor, flags byte, number int64) error {
	d.Attached = true
	var fresh Structure
	r := reader{data: data, at: flagsEnd}
	if err := fresh.parse(&r); err != nil {
		return err
	}
	if err := d.parse(data, flags, r.at, &fresh, fresh.All()); err != nil {
		return err
	}
	known := s.present.TemplateCount != 0
	switch {
	case known && fresh == s.present: // sent again, or by every key frame
		s.contradicted = false
		if number > s.since {
			s.since, s.told, s.active = number, number, fresh.All()
		}
		s.learn(d, &s.present, number)
		return nil
	case known && fresh.Offset == s.present.Offset && (!s.contradicted || number < s.since):
		s.contradicted = true
		return ErrContradiction
	case known && number < s.since:
		s.former = fresh // comes late itself
		return nil
	}
	s.former, s.present = s.present, fresh
	s.contradicted = false
	s.since, s.told, s.active = number, number, fresh.All()
	s.learn(d, &s.present, number)
	return nil
}

// parse reads what follows flags and structure, which end at bit at.
func (d *Descriptor) parse(data []byte, flags byte, at int, s *Structure, active uint32) error {
	template := s.template(d.Template)
	if template == nil {
		return ErrTemplate
	}
	d.Frame = *template
	if flags != 0 {
		r := reader{data: data, at: at}
		d.activeAt, d.customs = uint16(at), flags&maskCustoms
		if d.HasActive = flags&flagActive != 0; d.HasActive {
			active = r.read(int(s.TargetCount))
		}
		if err := d.parseCustom(&r, s); err != nil {
			return err
		}
		d.bitsOfFields = uint16(r.at)
	}
	d.complete(s, active)
	return nil
}

// find gives the structure a frame's template is of, nil if none.
func (s *State) find(template uint8, number int64) *Structure {
	first, second := &s.present, &s.former
	if number < s.since {
		first, second = second, first
	}
	if first.template(template) != nil {
		return first
	}
	if second.template(template) != nil {
		return second
	}
	return nil
}

// learn remembers the active decode targets and how far the frames are.
func (s *State) learn(d *Descriptor, from *Structure, number int64) {
	s.newest = max(s.newest, number)
	if d.HasActive && from == &s.present && number >= s.told {
		s.active, s.told = d.Active, number
	}
}

// late is how many frames a packet may be behind the newest: at 3 layers of 60
// pictures a second these are more than five seconds.
const late = 1024

// unwrap gives a frame number without wrapping. What is further behind than
// late is taken for a jump ahead: a source may begin its numbers anew.
func (s *State) unwrap(number uint16) int64 {
	return s.newest - late + int64(number-uint16(s.newest-late))
}

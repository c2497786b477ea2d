package main

import (
	"fmt"
	"path/filepath"

	"meshfocus/bench/clip"
	"meshfocus/bench/scenario"
)

// films are the files that publishers of calls send, by their names.
type films struct {
	pictures map[string]*clip.Film
	sounds   map[string]*clip.Sound
}

// sending gives scenarios with the files of --source and --sound in those that can send
// them. That none of them can, or one is of layers, is an error.
func (q comparison) sending(scenarios []scenario.Scenario) ([]scenario.Scenario, error) {
	if q.source == "" && q.sound == "" {
		return scenarios, nil
	}
	sent := false
	var all []scenario.Scenario
	for _, s := range scenarios {
		if s.Kind == scenario.Call {
			if q.source != "" && s.Layers > 1 {
				return nil, fmt.Errorf("--source: %s is of %d layers, and a file is one", s.Name, s.Layers)
			}
			s, sent = q.instead(s), true
		}
		all = append(all, s)
	}
	if !sent {
		return nil, fmt.Errorf("--source and --sound are what publishers of calls send; none of these scenarios is of kind %s", scenario.Call)
	}
	return all, nil
}

// instead has a call send the files of the flags.
func (q comparison) instead(s scenario.Scenario) scenario.Scenario {
	if q.source != "" {
		s.Source, s.Codec = q.source, ""
		s.Says += ", of " + filepath.Base(q.source)
	}
	if q.sound != "" {
		s.Sound = q.sound
		s.Says += ", with " + filepath.Base(q.sound)
	}
	return s
}

// sources reads the files that scenarios name, each once, and gives those scenarios with
// the codec of theirs.
func (q comparison) sources(scenarios []scenario.Scenario) (all []scenario.Scenario, f films, err error) {
	f = films{make(map[string]*clip.Film), make(map[string]*clip.Sound)}
	for _, s := range scenarios {
		if s.Source != "" && f.pictures[s.Source] == nil {
			if f.pictures[s.Source], err = clip.OpenFilm(s.Source); err != nil {
				return nil, f, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
		if s.Sound != "" && f.sounds[s.Sound] == nil {
			if f.sounds[s.Sound], err = clip.OpenSound(s.Sound); err != nil {
				return nil, f, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
		if s.Source != "" {
			s.Codec = string(f.pictures[s.Source].Codec)
		}
		all = append(all, s)
	}
	return all, f, nil
}

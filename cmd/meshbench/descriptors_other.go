//go:build !unix

package main

import "meshfocus/bench/scenario"

func descriptors([]scenario.Scenario) error { return nil }

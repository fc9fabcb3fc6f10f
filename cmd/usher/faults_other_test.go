//go:build !linux

package main

func troubleOfFiles() []trouble { return nil }

// Package page is the interface of a call in the browser: the start page, what
// is before the call, the grid, the controls and the pair matrix. It knows no
// protocol; all it uses of the library beside it is Call, LocalMedia and
// SocketSignaller.
//
// It is JavaScript without a build step; Go has only the tests: the modules
// under Node, their types with tsc, every view in a browser under the headers
// of package call, which serves the files.
//
// Its modules, from pure to edge: layout (boxes), words, tiles, story
// (decisions and sentences); dom, brand, memory (the browser); tile, grid,
// toolbar, pairs, devices (parts); start, prejoin, room, notice (views); main
// (the way from one view to the next). RoomView takes any Call, so another
// page may show it.
package page

package simulcast

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// point is one of the checklist (section 4 of the dossier on simulcast): what a
// forwarder has to do, the tests that say it by name, each across the wraps of all
// numbers, and what watches it in storms, with seeds for loss, repair, reordering,
// duplication, restarts and changes of layer. Watches are functions of the storms'
// oracle or, with a package, tests in the house.
type point struct {
	number int
	says   string
	tests  []string
	watch  []string
}

// All points. Those about what is sent and asked for on the wire (19 to 22, 29 to 32,
// 34, 35) are the lane's and its ground's: focus/{lane,history,feedback,packet}.
var checklist = []point{
	{1, "a change starts at a key frame of the target", []string{"TestASwitchStartsOnlyAtAKeyFrameOfTheTarget"}, []string{"travel"}},
	{2, "a frame that is cut off leaves one number out", []string{"TestACutOffFrameLeavesOneNumberOut", "TestASwitchAfterAWholeFrameGoesOnByOne"}, []string{"holes", "wholes"}},
	{3, "nothing older than the switch", []string{"TestNothingOlderThanTheSwitchIsSent", "TestAnSSRCThatWasReplacedStaysOutHoweverManyFollow"}, []string{"times", "travel"}},
	{4, "a key frame without its first packet is no switch point", []string{"TestAKeyFrameWithoutItsFirstPacketInTimeIsNoSwitchPoint", "TestH264IsNotEnteredBehindAMissingPacket", "TestALateKeyFrameStartRaisesNothing"}, []string{"travel"}},
	{5, "the last aim counts", []string{"TestOnlyTheLastAimCounts"}, []string{"travel"}},
	{6, "layers that stop are replaced, and have to prove themselves", []string{"TestALayerThatStopsIsReplacedByTheBestLivingOne", "TestALayerThatComesBackHasToProveItself", "TestABurstOfSilenceThatEndsInTimeCostsNothing", "TestAllSilentTogetherIsNobodysFailure"}, []string{"run"}},
	{7, "the output goes on when the publisher restarts", []string{"TestOutputContinuesWhenThePublisherRestarts", "TestOutputContinuesWhenAnEncoderRestartsUnderItsSSRC", "TestAJumpOfSequenceNumbersIsARestartOnceItInsists", "TestNothingFromBeforeARestartOfTheEncoderIsSentAfterIt", "TestAnSSRCThatWasReplacedComesBackOnlyIfItInsists", "TestAudioGoesOnWithTheFirstPacketOfANewSSRC"}, []string{"holes", "times", "pictures"}},
	{8, "layers are ordered by size", []string{"TestLayersAreOrderedBySizeNotByName", "TestALayerOfUnknownSizeStandsWhereItsIndexPutsIt"}, nil},
	{9, "all numbers wrap", []string{"TestNumbersGoOnForAnHourOverAllWraps", "TestState_GoesOnOverTheWrap"}, []string{"TestAnyWeatherGivesOneUnbrokenStream", "TestWhatLeavesIsDecodedToWhatWasSent"}},
	{10, "what is dropped leaves no hole, what is lost leaves one, which its repair fills", []string{"TestDroppedPacketsLeaveNoHole", "TestALostPacketLeavesOneHoleAndItsRepairFillsIt", "TestAFrameLostAsAWholeIsRepairedWithItsOwnPictureID", "TestWhatIsMissingOfADroppedFrameIsNotWaitedFor", "TestANumberHeldForWhatIsNotWantedIsFilledEmpty", "TestPicturesLostBehindPaddingKeepTheirIDs", "TestALostPictureOfAThinnedLayerIsSentIfOthersWaitForItsID", "TestWhatIsLateOfAFrameThatLeftGoesWithIt", "TestALateFrameFromBeforeGoingUpIsNotSent", "TestWhatIsMissingBetweenSuperFramesIsHeld", "TestALateLayerThatIsNotWantedIsFilledEmpty"}, []string{"holes", "halves", "pictures", "TestWhatLeavesIsDecodedToWhatWasSent"}},
	{11, "padding never leaves and never switches", []string{"TestPaddingNeverLeavesAndNeverSwitches", "TestApply_LeavesPaddingAlone"}, []string{"holes", "travel"}},
	{12, "duplicates are dropped", []string{"TestDuplicatesAreDropped", "TestWhatWasSeenARoundEarlierIsNoDuplicate", "TestALayerThatGoesSilentAndOnIsNotForwardedTwice"}, []string{"travel", "take"}},
	{13, "late packets have their number, or none", []string{"TestLatePacketsAreForwardedWithinTheWindowOnly", "TestALatePacketAmongThinnedFramesKeepsItsPlace", "TestWhatIsLaterThanTheChoiceIsRememberedIsNotFilled", "TestASuperFrameWhoseFirstPacketIsLateIsChosenAsAWhole"}, []string{"take", "halves"}},
	{14, "time goes on by what passed", []string{"TestASwitchAdvancesTimeByWhatReallyPassed", "TestWithoutReportsTimeAdvancesByTheArrivals", "TestATimeAFrameBehindIsNudged", "TestATimeFarBehindWaitsForTheNextKeyFrameButNotForEver", "TestAFrameRepairedBehindPaddingIsTheNewest", "TestARepairOlderThanAThinnedFrameIsTheNewestThatLeft", "TestEntryOfAnInstantNeverIsNotAReport"}, []string{"times"}},
	{15, "a pause passes", []string{"TestAfterAPauseTimeHasPassedAndAKeyFrameComesFirst", "TestAHoldOfThePublisherPassesThrough"}, []string{"times"}},
	{16, "subscribers share nothing", []string{"TestSubscribersShareNothing"}, nil},
	{17, "a switch is the border for repairs", []string{"TestASwitchIsTheBorderOfWhatIsWorthRepairing"}, []string{"travel"}},
	{18, "nothing before the border is worth it", []string{"TestASwitchIsTheBorderOfWhatIsWorthRepairing"}, []string{"travel"}},
	{19, "a number is sent again once in a round trip, three times in all, behind sound, before pictures", []string{"TestSent_SendsAgainOnceInARoundTripAndThreeTimes", "TestRepair_AskingAgainAndAgainBringsLittle", "TestRepair_WhatWasLostComesAgainOnAStreamOfItsOwn", "TestOrder_SoundThenRepairThenPictures", "TestAllowance_IsAShareAndABurst"}, []string{"FuzzHear"}},
	{20, "what is missing is asked for at once, then once in a round trip, ten times at most, and not for ever", []string{"TestMissing_AsksAtOnceForWhatThreeHaveOvertaken", "TestMissing_AsksAfterTenMillisecondsWhenFewFollow", "TestMissing_WaitsForTheLongerRoundTrip", "TestMissing_AsksTenTimesAtMost", "TestMissing_IsSilentAfterAKeyFrameOvertakes", "TestMissing_GivesUpWithItsPatienceAndSaysSo", "TestUpstream_AsksAgainForWhatIsMissing"}, []string{"TestMissing_KeepsItsPromises", "TestMissing_DoesNotStormWhenTheLinkFalls", "TestPair_WhatTheNetworkLosesIsRepaired"}},
	{21, "what several miss is fetched once", []string{"TestMissing_FetchesOnceWhatManySubscribersMiss", "TestRepair_OfALayerThatNobodyGetsIsNotAskedFor"}, []string{"TestMissing_KeepsItsPromises"}},
	{22, "retransmissions of the publisher become what they were", []string{"TestRestore_MakesTheOriginalOfWhatWasSentAgain", "TestRestore_LeavesProbesAsTheyAre", "TestRouting_RetransmissionsAreKnownBeforeTheirMedia", "TestUpstream_AsksAgainForWhatIsMissing"}, []string{"TestPair_WhatTheNetworkLosesIsRepaired", "FuzzTake"}},
	{23, "one key frame serves everybody", []string{"TestOneKeyFrameServesEverybodyWhoWaits"}, []string{"run"}},
	{24, "everybody takes the chance", []string{"TestOneKeyFrameServesEverybodyWhoWaits", "TestSVCGoesUpAtAKeySuperFrame"}, []string{"travel"}},
	{25, "what is under way is not asked for", []string{"TestAKeyFrameThatIsUnderWayIsNoLongerWaitedFor"}, []string{"run"}},
	{26, "many who join cost one key frame", []string{"TestOneKeyFrameServesEverybodyWhoWaits"}, nil},
	{27, "sound and picture stay together", []string{"TestFiftySwitchesKeepThePictureWithItsSound"}, []string{"times"}},
	{28, "reports that jump do not move time back", []string{"TestReportsThatJumpNeverMoveTimeBack", "TestWithoutReportsTimeAdvancesByTheArrivals"}, []string{"times"}},
	{29, "reports upstream are ours, of each layer and of retransmissions", []string{"TestUpstream_ReportsHowStreamsArrive", "TestUpstream_ReportsHowRetransmissionsArrive", "TestReceiver_CountsLossAcrossTheWrap", "TestUpstream_TellsArrivalsByTransportNumber", "TestUpstream_TellsArrivalsByStream"}, []string{"TestArrivals_TellsTheTruth", "TestPair_ArrivalsByStreamBecomeWhatIsKnownOfDepartures"}},
	{30, "RTCP of any kind does no harm", []string{"TestGoodbye_EndsALayerAtOnce", "TestRead_TakesReducedSize", "TestRead_PassesOverWhatBreaksTheRules", "TestRead_BoundsTheWorkOfOneDatagram", "TestRouting_AFloodOfSSRCsIsBounded", "TestSuccession_EightSSRCsAreRememberedForTenSeconds"}, []string{"FuzzHear", "FuzzRead_AgreesWithPion", "TestHostile_TheStreamGoesOn"}},
	{31, "transport-wide numbers count a connection, in the order of leaving", []string{"TestLeaving_TransportNumbersCountTheConnection", "TestOrder_SoundThenRepairThenPictures", "TestDepartures_MatchFeedbackAcrossWraps"}, []string{"TestDepartures_NeverMistakeAPacket"}},
	{32, "times are those of leaving, names and numbers of extensions the subscriber's", []string{"TestLeaving_TransportNumbersCountTheConnection", "TestLeaving_ExtensionsAreTheSubscribers", "TestWriter_WritesTheNumbersOfTheSubscriber", "TestWriter_TakesTheTwoByteFormWhenItMust", "TestSendTime_IsSecondsIn24Bits"}, []string{"FuzzWriter"}},
	{33, "extensions of what is thinned are owed", []string{"TestExtensionsOfThinnedPacketsAreOwed", "TestAppend_TellsTheActiveTargets", "TestTeller_TellsTargetsWhoseFramesAreSent", "TestDescriptor_ThinsForThoseWhoReadIt", "TestAppend_AttachesTheStructure", "TestOwed_AnOrientationIsNotLostWithItsPacket", "TestSuccession_WhatWasSaidOfAStreamOutlivesItsSSRC"}, nil},
	{34, "a playout delay is told until it is acknowledged", []string{"TestDelay_IsToldUntilAcknowledged", "TestDelay_AcknowledgementsWrap"}, []string{"FuzzHear"}},
	{35, "an allocation of layers is read, and not passed on", []string{"TestAllocation_Parse", "TestAllocation_StreamsThatAreSwitchedOffStop", "TestWriter_PassesNothingThatIsForUsAlone"}, []string{"FuzzTake"}},
	{36, "sound is first and not dropped, silence keeps its time, redundancy is taken apart", []string{"TestAudioIsNeverDroppedByAllocation", "TestASilenceOfAudioKeepsItsTime", "TestUnpack_OfTheExampleOfTheStandard", "TestInspect_CallsEveryPacketAFrame", "TestOrder_SoundThenRepairThenPictures", "TestLeaving_RedundantSoundPassesOrIsUnpacked"}, []string{"TestAnyWeatherGivesOneUnbrokenStream"}},
	{37, "odd input is left out", []string{"TestWhatIsOddIsLeftOutAndTheStreamGoesOn", "TestState_DropsAContradictionOnce", "TestParse_RefusesWhatIsCutShort", "TestParse_RefusesMoreThanThereCanBe"}, []string{"FuzzOutput_TakesAnything", "FuzzTake", "FuzzParse", "FuzzState", "FuzzDescriptor", "FuzzElements", "FuzzInspect", "FuzzRed"}},
}

// The table of codecs and section 7, which have no numbers.
var codecs = []point{
	{says: "picture IDs keep their width or are widened once", tests: []string{"TestPictureIDsAreWidenedOnceAndNeverNarrowed"}, watch: []string{"pictures"}},
	{says: "frame numbers go on over a switch", tests: []string{"TestSwitchingWithoutPictureIDsGoesOnInFrameNumbers"}, watch: []string{"TestWhatLeavesIsDecodedToWhatWasSent"}},
	{says: "temporal layers", tests: []string{"TestTemporalLayersGoDownAtOnce", "TestTemporalLayersGoUpOnlyWhereTheCodecSaysSo", "TestALateSignForGoingUpIsNoneAnyMore", "TestAHigherStreamAwaitedLeavesThePresentAsItIs"}, watch: []string{"references", "TestTemporalLayersComeBack"}},
	{says: "spatial layers in one stream", tests: []string{"TestSVCGoesDownAtAnySuperFrameAndSetsTheMarker", "TestSVCGoesUpAtAKeySuperFrame", "TestSVCGoesUpWhereALayerRefersToNothingEarlier", "TestSVCKeepsPictureIDsAndFrameNumbersWhenThinned", "TestLowerLayersThatTheHighestDoesNotNeedAreLeftOut", "TestGoingDownToALayerThatWasLeftOutTakesAKeyFrame", "TestAHighestLayerThatStopsTakesAKeyFrameOfTheNext", "TestWhatIsMissingAboveALayerThatWasLeftOutIsHeld"}, watch: []string{"references", "markers", "TestAnyWeatherGivesOneUnbrokenStreamOfSVC", "TestLowerLayersThatAreNotNeededAreLeftOut"}},
	{says: "shedding when capacity falls", tests: []string{"TestShedLayersAreSilentUntilTheSwitch", "TestWhatWasShedComesBackWhereTheCodecAllows"}},
}

func TestEveryPointOfTheChecklistHasItsTests(t *testing.T) {
	there := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func (?:\([a-z]+ \*[a-z]+\) )?(\w+)\(`)
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "../focus/internal/judge/*_test.go", "../focus/lane/*_test.go", "../focus/history/*_test.go", "../focus/feedback/*_test.go", "../focus/packet/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range name.FindAllStringSubmatch(string(text), -1) {
				there[match[1]] = true
			}
		}
	}
	for i, p := range checklist {
		if p.number != i+1 {
			t.Fatalf("point %d stands where %d belongs", p.number, i+1)
		}
	}
	if len(checklist) != 37 {
		t.Fatalf("%d points of 37", len(checklist))
	}
	for _, p := range append(checklist, codecs...) {
		if len(p.tests) == 0 {
			t.Errorf("point %d (%s) has no test", p.number, p.says)
		}
		for _, test := range append(p.tests, p.watch...) {
			if !there[test] {
				t.Errorf("point %d (%s): there is no %s", p.number, p.says, test)
			}
		}
	}
}

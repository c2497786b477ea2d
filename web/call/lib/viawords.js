/**
 * What is said to people of a member that forwards. Pure.
 */

/** Of somebody whose sound and picture are to come through a member that forwards. @param {string} name @param {string} focus */
export const forwardedWords = (name, focus) => `Waiting for ${name}'s sound and picture through ${focus}.`;

/** How we are in the call, where it was asked for to be there through a member that forwards. @param {import("./via.js").ViaState} state @param {string} focus */
export function viaWords(state, focus) {
  switch (state) {
    case "nobody": return "Nobody in this call forwards; connected directly.";
    case "connecting": return `Connecting with ${focus}, which forwards.`;
    case "through": return `Sound and picture go through ${focus}.`;
    case "unable": return "This browser cannot encrypt for somebody who forwards; connected directly.";
    case "lost": return `${focus} does not forward for us at the moment; connected directly.`;
    default: return "";
  }
}

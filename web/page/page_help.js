// Every number that is shown, and its formula.
import { h } from "./dom.js";

const TERMS = [
  ["latent", "fᵢ ≥ 0", "One direction that the SAE has found, and how strongly a token holds it. The SAE writes an activation x as x̂ = Σ fᵢ wᵢ + b_dec, with wᵢ the latent's decoder row."],
  ["fires", "fᵢ > 0", "In the form that the SAE has at inference: above its threshold, or among the k largest of the token for TopK."],
  ["density", "n_active / tokens", "Share of the tokens on which a latent fires. First positions of contexts and excluded tokens are not counted."],
  ["dead", "n_active = 0", "It never fired on the tokens of this database. It may fire on others."],
  ["max, mean, std", "over tokens with f > 0", "Statistics of the activations where the latent fires; zeros are left out."],
  ["median, 90%, 99%", "smallest v with share(f ≤ v) ≥ q", "Quantiles of the activations where it fires."],
  ["skew, kurtosis", "m₃ / m₂^{3/2},  m₄ / m₂²", "Of the activations where it fires. A normal distribution has 0 and 3."],
  ["threshold θ", "fᵢ = zᵢ · [zᵢ > θᵢ]", "What its pre-activation z must exceed. TopK has none."],
  ["‖W_dec‖", "‖wᵢ‖", "Norm of the decoder row; 1 for SAEs trained here."],
  ["cos(W_enc, W_dec)", "eᵢ·wᵢ / (‖eᵢ‖‖wᵢ‖)", "Whether the latent reads the direction that it writes."],
  ["nearest", "max_j cos(wᵢ, w_j)", "Largest decoder cosine with another latent, of the same SAE or of another."],
  ["Pearson", "corr(fᵢ, f_j)", "Correlation of two latents' activations over all tokens, zeros included."],
  ["Jaccard", "|both fire| / |either fires|", "How far two latents fire on the same tokens."],
  ["mutual", "", "Each of two latents of two SAEs is the other's nearest by decoder cosine."],
  ["novel", "max_j cos(wᵢ, w_j) < threshold", "A latent of one SAE that no latent of the other points like. 0.7 is the usual threshold."],
  ["boosts, suppresses", "ℓ = ((wᵢ − mean wᵢ) ∘ γ)·W_U − mean", "Output tokens whose logit grows (+) or falls (−) most for one unit of activation, through the unembedding alone: γ is the gain of the final layer norm, and the mean over the vocabulary is taken off. What later layers do to the direction is left out, and so is the scale of the token's norm."],
  ["strongest texts", "", "The tokens with the largest activations, one for each stretch of 64 tokens of a document. “+n in this text” counts its other firings in the same text; “n texts alike” counts texts left out because they read the same around the peak."],
  ["intervals", "(lo, hi]", "Ten intervals of equal width from 0 to the maximum, and a sample of the firings in each."],
  ["near misses", "z of tokens with f = 0", "The tokens that came closest to firing."],
  ["L0", "mean over tokens of |{i : fᵢ > 0}|", "How many latents fire on a token."],
  ["MSE", "mean ‖x − x̂‖²", "Squared error of the reconstruction, summed over the dimensions."],
  ["FVU", "Σ‖x − x̂‖² / Σ‖x − x̄‖²", "Share of the variance that the reconstruction misses; 1 − FVU is the explained variance."],
  ["cosine, norm ratio", "mean cos(x, x̂),  mean ‖x̂‖/‖x‖", "Direction and length of the reconstruction."],
  ["CE recovered", "(zero − spliced) / (zero − clean)", "Cross-entropy of the language model with the reconstruction put in place of the activations, between that with zeros (0 %) and the clean one (100 %)."],
  ["frontier", "", "The SAEs that no other beats in both L0 and FVU."],
  ["ΔMSE", "mean of −2fᵢ (e·wᵢ) + fᵢ²‖wᵢ‖²", "What inserting a latent of the larger SAE into the smaller one does to its error e. Below 0 it improves."],
  ["meta-latent", "", "A latent of an SAE that was trained on the decoder rows of another: a part that several latents share."],
];

const KEYS = [["j k", "next and previous latent, or part of a table"], ["/", "find latents by token, or go to one by number"], ["g", "go to a latent by number"], ["r", "a random latent"],
  ["1 2 3", "short texts, longer texts, whole contexts"], ["n", "line breaks as breaks"], ["v", "activations beside tokens"], ["x", "swap the two SAEs or latents"], ["b", "bookmark"], ["c", "copy a link"], ["?", "the keys of the page that is shown"],
  ["← →", "in a text: from token to token; with Shift from firing to firing"]];

export async function helpPage() {
  return {
    title: "Glossary",
    content: [
      h("h1", {}, "What the numbers mean"),
      h("p", { class: "lead" }, "Every number that these pages show, and how it is computed. docs/mathematics.md has the details."),
      h("dl", { class: "glossary" }, TERMS.map(([name, formula, text]) => h("div", {},
        h("dt", { id: name.split(",")[0].replace(/\W+/g, "-").toLowerCase() }, name),
        h("dd", {}, formula ? [h("code", {}, formula), h("br")] : null, text)))),
      h("h2", { id: "colours" }, "Colours"),
      h("p", {}, h("span", { class: "t a14" }, " green "), " is activation, on a scale that makes weak firings visible: shade 16·log10(1 + 9 f/max). ", h("span", { class: "tok boost" }, "blue +"), " is a token that is boosted, ", h("span", { class: "tok suppress" }, "red \u2212"), " one that is suppressed; the sign always stands beside it. Orange is the second of two latents, and what is novel."),
      h("h2", { id: "keys" }, "Keys"),
      h("dl", { class: "keys" }, KEYS.map(([key, does]) => [h("dt", {}, key.split(" ").map((k) => [h("kbd", {}, k), " "])), h("dd", {}, does)])),
      h("p", { class: "small muted" }, "They are off while you type, and can be switched off in the list that ? opens."),
    ],
  };
}

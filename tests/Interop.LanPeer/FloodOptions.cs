using System.Text.Json;

namespace Interop.LanPeer;

/// <summary>What a flood consists of.</summary>
/// <param name="Kind">"unsigned": the legacy format, a new identity in each. "signed": the normal format, a new identity in each,
/// truly signed. "mixed": the two in turn. "replay": signed packets of 200 identities and those in <paramref name="Recorded"/>, again
/// and again.</param>
/// <param name="From">The sender in the IP header: one address, or "subnet" for any of 10.77.0.2 to 10.77.0.239.</param>
/// <param name="Count">How many datagrams, at most 200,000.</param>
/// <param name="PerSecond">How many a second, at most.</param>
/// <param name="Recorded">Packets of the normal format that others sent.</param>
internal sealed record FloodOptions(string Kind, string From, int Count, int PerSecond, IReadOnlyList<byte[]> Recorded)
{
    public const int Most = 200_000;

    public static FloodOptions Read(JsonElement ask) => new(
        ask.GetProperty("kind").GetString()!, // a string
        ask.GetProperty("from").GetString()!, // a string
        Math.Min(ask.GetProperty("count").GetInt32(), Most),
        ask.GetProperty("perSecond").GetInt32(),
        ask.TryGetProperty("recorded", out JsonElement recorded) ? [.. recorded.EnumerateArray().Select(packet => packet.GetBytesFromBase64())] : []);
}

// npm `statistics` 3.3.0: the running mean and standard deviation that ssb-conn keeps in `duration` and in `ping`.
using System.Text.Json;

namespace Ssb.Conn;

/// <summary>Mean and standard deviation of a series, told one value at a time; as JSON <c>{mean, stdev, count, sum, sqsum}</c>,
/// all in milliseconds.</summary>
/// <param name="Mean">The mean of the values.</param>
/// <param name="Stdev">Their standard deviation.</param>
/// <param name="Count">How many there were.</param>
/// <param name="Sum">Their sum.</param>
/// <param name="Sqsum">The sum of their squares.</param>
public sealed record PeerStatistics(double Mean, double Stdev, double Count, double Sum, double Sqsum)
{
    /// <summary>A series of one value.</summary>
    public static PeerStatistics Of(double value) => new(value, 0, 1, value, value * value);

    /// <summary>This series and one value more.</summary>
    public PeerStatistics Add(double value)
    {
        (double sum, double count, double sqsum) = (Sum + value, Count + 1, Sqsum + (value * value));
        double mean = sum / count;
        // Rounding can make the variance of equal values a little negative, of which the original makes NaN, and JSON null.
        return new PeerStatistics(mean, Math.Sqrt(Math.Max(0, (sqsum / count) - (mean * mean))), count, sum, sqsum);
    }

    internal static PeerStatistics? Read(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
            return null;
        return new PeerStatistics(Number(json, "mean"u8), Number(json, "stdev"u8), Number(json, "count"u8), Number(json, "sum"u8), Number(json, "sqsum"u8)) is { Count: > 0 } read
            ? read : null;
    }

    /// <summary>The mean alone, which counts without the rest; 0 if there is none.</summary>
    internal static double MeanOf(JsonElement json) => Number(json, "mean"u8);

    internal JsonElement ToElement() => JsonElement.Parse(
        $"{{\"mean\":{Text(Mean)},\"stdev\":{Text(Stdev)},\"count\":{Text(Count)},\"sum\":{Text(Sum)},\"sqsum\":{Text(Sqsum)}}}");

    private static double Number(JsonElement json, ReadOnlySpan<byte> name) => JsonGate.TryGetMember(json, name, out JsonElement value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetDouble(out double number) && double.IsFinite(number) ? number : 0;

    private static string Text(double value) => JavaScriptJson.Format(double.IsFinite(value) ? value : 0);
}

/// <summary>What pinging a peer has shown so far; as JSON <c>{rtt, skew}</c>, with <c>fail</c> where the peer does not answer pings.</summary>
/// <param name="Rtt">Round trips, in milliseconds.</param>
/// <param name="Skew">How far the other's clock is ahead, in milliseconds.</param>
/// <param name="Failed">The peer has no ping.</param>
public sealed record PeerPing(PeerStatistics? Rtt, PeerStatistics? Skew = null, bool Failed = false)
{
    internal JsonElement ToElement() => JsonElement.Parse(
        $"{{\"rtt\":{Text(Rtt)},\"skew\":{Text(Skew)}{(Failed ? ",\"fail\":true" : "")}}}");

    internal static PeerPing? Read(JsonElement json) => json.ValueKind != JsonValueKind.Object ? null : new PeerPing(
        JsonGate.TryGetMember(json, "rtt"u8, out JsonElement rtt) ? PeerStatistics.Read(rtt) : null,
        JsonGate.TryGetMember(json, "skew"u8, out JsonElement skew) ? PeerStatistics.Read(skew) : null,
        JsonGate.TryGetMember(json, "fail"u8, out JsonElement fail) && fail.ValueKind == JsonValueKind.True);

    // A series without a value is there what pull-ping begins with.
    private static string Text(PeerStatistics? statistics) =>
        statistics?.ToElement().GetRawText() ?? """{"mean":0,"stdev":0,"count":0,"sum":0,"sqsum":0}""";
}

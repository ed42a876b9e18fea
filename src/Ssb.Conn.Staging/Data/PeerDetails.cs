using System.Text.Json;

namespace Ssb.Conn;

/// <summary>What address book, hub and scheduler ask of the data of a peer, and the bench does not: most peers of the bench have none of
/// it, and share <see cref="None"/>.</summary>
/// <remarks>Filled as the data are made, and not changed after that. A time that is not given is <see cref="double.NaN"/>.</remarks>
internal sealed class PeerDetails
{
    public static PeerDetails None { get; } = new();

    /// <summary>The text of the whole object as it stands in <c>conn.json</c>; empty unless it was read of one.</summary>
    public ReadOnlyMemory<byte> Text { get; set; }

    public string? Source { get; private set; }

    public string? InferredType { get; private set; }

    public string? Host { get; private set; }

    public double BirthMs { get; private set; } = double.NaN;

    public double StateChangeMs { get; private set; } = double.NaN;

    public double RetryAtMs { get; private set; } = double.NaN;

    public double MeanDurationMs { get; private set; }

    public int Failure { get; private set; }

    public bool? Autoconnect { get; private set; }

    public bool IsDefunct { get; private set; }

    public bool HasAlias { get; private set; }

    public static double? Given(double number) => double.IsNaN(number) ? null : number;

    /// <summary>Whether a field is one of these.</summary>
    public static bool IsOne(ReadOnlySpan<char> name) =>
        name is "source" or "inferredType" or "host" or "birth" or "stateChange" or "retryAt" or "duration" or "failure"
            or "autoconnect" or "defunct" or "alias";

    public void Take(ReadOnlySpan<char> name, ReadOnlySpan<byte> json)
    {
        switch (name)
        {
            case "source": Source = PeerField.TextOf(json); break;
            case "inferredType": InferredType = PeerField.TextOf(json); break;
            case "host": Host = PeerField.TextOf(json); break;
            case "birth": BirthMs = PeerField.NumberOf(json) ?? double.NaN; break;
            case "stateChange": StateChangeMs = PeerField.NumberOf(json) ?? double.NaN; break;
            case "retryAt": RetryAtMs = PeerField.NumberOf(json) ?? double.NaN; break;
            case "duration": MeanDurationMs = Mean(json); break;
            case "failure": Failure = (int)Math.Clamp(PeerField.NumberOf(json) ?? 0, 0, int.MaxValue); break;
            case "autoconnect": Autoconnect = PeerField.FlagOf(json); break;
            case "defunct": IsDefunct = PeerField.FlagOf(json) == true; break;
            case "alias": HasAlias = IsTrue(json); break;
        }
    }

    // As JavaScript tests it.
    private static bool IsTrue(ReadOnlySpan<byte> json) => json is not ([(byte)'"', (byte)'"'] or [(byte)'n', ..] or [(byte)'f', ..] or [(byte)'0']);

    private static double Mean(ReadOnlySpan<byte> json)
    {
        if (json is not [(byte)'{', ..])
            return 0;
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName && JsonGate.IsNamed(reader, "mean"u8))
            {
                return reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out double mean) && double.IsFinite(mean)
                    ? mean : 0;
            }
        }

        return 0;
    }
}

using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Ssb.Conn.Cli;

/// <summary>Writes the changes of a bench as JSON, one object a line, each flushed.</summary>
internal sealed class JsonLines(Stream output, TimeProvider time) : IDisposable
{
    private readonly ArrayBufferWriter<byte> _line = new();

    // Lines are read by programs, not put into HTML: + and the like stay as they are.
    private readonly Utf8JsonWriter _json = new(Stream.Null, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>Writes one line.</summary>
    /// <exception cref="IOException">Nobody reads any more, or it cannot be written.</exception>
    public void Write(StagingChange change)
    {
        _line.ResetWrittenCount();
        _json.Reset(_line);
        _json.WriteStartObject();
        switch (change)
        {
            case StagingChange.Snapshot snapshot:
                Start("snapshot", change);
                _json.WriteStartArray("entries");
                foreach (StagedPeer peer in snapshot.Entries)
                    WriteEntry(peer);
                _json.WriteEndArray();
                break;
            case StagingChange.Inserted inserted:
                Start("staged", change);
                Entry(inserted.Peer);
                break;
            case StagingChange.Updated updated:
                Start("updated", change);
                Entry(updated.Peer);
                break;
            case StagingChange.Removed removed:
                Start("unstaged", change);
                Entry(removed.Peer);
                _json.WriteString("reason", JsonNamingPolicy.CamelCase.ConvertName(removed.Reason.ToString()));
                break;
        }

        _json.WriteEndObject();
        _json.Flush();
        _line.Write("\n"u8);
        output.Write(_line.WrittenSpan);
        output.Flush();
    }

    public void Dispose() => _json.Dispose();

    private void Start(string name, StagingChange change)
    {
        _json.WriteString("change", name);
        _json.WriteNumber("sequence", change.Sequence);
        _json.WriteNumber("at", time.GetUtcNow().ToUnixTimeMilliseconds());
    }

    private void Entry(StagedPeer peer)
    {
        _json.WritePropertyName("entry");
        WriteEntry(peer);
    }

    private void WriteEntry(StagedPeer peer) => _json.WriteRawValue(peer.ToJson(), skipInputValidation: true);
}

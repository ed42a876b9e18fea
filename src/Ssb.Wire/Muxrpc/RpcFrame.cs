// muxrpc's frames, npm packet-stream-codec 1.2.0: https://ssbc.github.io/scuttlebutt-protocol-guide/#rpc-protocol
//
//   frame   = flags 1 | length of the body 4 (big-endian) | request 4 (big-endian, signed) | body
//   flags   = 0000 stream end type type        type: 0 binary, 1 text (UTF-8), 2 JSON
//   request = n > 0 of the one who asks, -n of the one who answers
//   goodbye = 9 zero bytes
using System.Buffers.Binary;

namespace Ssb.Wire;

/// <summary>The head of a frame.</summary>
internal readonly record struct RpcFrame(byte Flags, uint Length, int Request)
{
    public const int HeaderSize = 9;

    public const byte Stream = 8;
    public const byte End = 4;
    public const byte Json = 2;
    public const byte TypeMask = 3;

    public bool IsStream => (Flags & Stream) != 0;

    public bool IsEnd => (Flags & End) != 0;

    // JavaScript peers take every frame without a body for a goodbye; no peer sends one for another reason.
    public bool IsGoodbye => Length == 0 && Request == 0;

    /// <summary>Whether the type of the body is one of the three.</summary>
    public bool IsKnown => (Flags & TypeMask) != TypeMask;

    public RpcValueKind Kind => (Flags & TypeMask) switch
    {
        0 => RpcValueKind.Binary,
        1 => RpcValueKind.Text,
        _ => RpcValueKind.Json,
    };

    public static RpcFrame Read(ReadOnlySpan<byte> header) =>
        new(header[0], BinaryPrimitives.ReadUInt32BigEndian(header[1..]), BinaryPrimitives.ReadInt32BigEndian(header[5..]));

    public void Write(Span<byte> header)
    {
        header[0] = Flags;
        BinaryPrimitives.WriteUInt32BigEndian(header[1..], Length);
        BinaryPrimitives.WriteInt32BigEndian(header[5..], Request);
    }

    public static byte TypeOf(RpcValueKind kind) => kind switch
    {
        RpcValueKind.Binary => 0,
        RpcValueKind.Text => 1,
        _ => Json,
    };
}
